"""`mlrf check-server` and `mlrf latency` against real servers, right ones and wrong ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from load.server import free_port
from storage.artifacts import Release, Store
from tests.support.command import Run, run_command, runner, set_environment
from tests.support.log_lines import parse_lines
from tests.support.proxy import altering, serving
from tests.support.servers import Server, running

pytestmark = pytest.mark.e2e

KEY = "a-probe-that-is-allowed"
TIERS = {"slow": {"quota": 30, "window": 30, "burst": 30}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, trained: Store) -> Iterator[Server]:
    settings = {
        "AUTH_MODE": "required",
        "API_KEY": KEY,
        "TIERS": json.dumps(TIERS),
        "MAX_DATA_AGE_DAYS": "100000",  # the data of tests are old
    }
    with running(tmp_path_factory.mktemp("probes"), trained, **settings) as started:
        started.wait_for("/readyz")
        yield started


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `mlrf` with a valid key in the environment."""
    set_environment(monkeypatch, API_KEY=KEY)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return runner(monkeypatch, capsys)


def failure_of(run: Run, url: str, *options: str) -> str:
    """Check a server that is wrong, and return the line that says so."""
    done = run("check-server", url, *options)
    assert done.status == 1
    assert done.err == ""
    assert KEY not in done.out
    (line,) = done.out.splitlines()
    assert line.startswith(f"failed: {url}: ")
    return line


# --- check-server: right ----------------------------------------------------------------------


def test_a_right_server_passes_with_one_line(run: Run, server: Server, release: Release) -> None:
    done = run("check-server", server.url)
    assert (done.status, done.err) == (0, ""), done.out
    (line,) = done.out.splitlines()
    assert line.startswith(f"ok: {server.url}: 63 nodes add up")
    assert release.bundle in line


def test_json_has_each_check_and_the_release(run: Run, server: Server, release: Release) -> None:
    done = run("check-server", server.url, "--json")
    assert done.status == 0
    document = json.loads(done.out)
    assert document["ok"] is True
    assert document["reason"] is document["advice"] is None
    assert [each["name"] for each in document["checks"]] == ["ready", "health", "tree", "answer"]
    assert (document["model_version"], document["snapshot"]) == (release.bundle, release.snapshot)


def test_where_the_log_is_json_the_outcome_is_a_line_of_it(server: Server, tmp_path: Path) -> None:
    settings = {"LOG_FORMAT": "json", "API_KEY": KEY}
    done = run_command("check-server", server.url, folder=tmp_path, **settings)
    assert (done.returncode, done.stdout) == (0, "")
    (line,) = parse_lines(done.stderr)
    assert (line["event"], line["ok"], line["url"]) == ("server_checked", True, server.url)


def test_the_key_may_be_in_a_file(
    run: Run, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("API_KEY")
    (tmp_path / "key").write_text(f"{KEY}\n")
    monkeypatch.setenv("API_KEY_FILE", str(tmp_path / "key"))
    assert run("check-server", server.url).status == 0


def test_a_release_that_becomes_active_meanwhile_is_no_failure(run: Run, server: Server) -> None:
    health = count()

    def alter(request: Request, document: Any) -> None:
        if request.url.path == "/health" and next(health) == 0:
            document["model_version"] = "the-one-before"

    with altering(server.url, alter) as url:
        assert run("check-server", url).status == 0


def test_degraded_parts_are_named_and_do_not_fail(run: Run, server: Server) -> None:
    def alter(request: Request, document: Any) -> None:
        if request.url.path == "/health":
            document["reasons"] = [{"name": "redis", "detail": "Redis does not answer."}]

    with altering(server.url, alter) as url:
        done = run("check-server", url)
    assert done.status == 0
    assert done.out.rstrip().endswith("; degraded: redis")


# --- check-server: wrong ----------------------------------------------------------------------


def of_tree(change: Callable[[Any], None]) -> Callable[[Request, Any], None]:
    """Alter the tree of every /hierarchy."""

    def alter(request: Request, document: Any) -> None:
        if request.url.path == "/hierarchy":
            change(document["tree"])

    return alter


def of_day(name: str, value: Callable[[float], float]) -> Callable[[Request, Any], None]:
    """Alter a number of the third day of every /forecast."""

    def alter(request: Request, document: Any) -> None:
        if request.url.path == "/forecast":
            day = document["forecast"][2]
            day[name] = value(day[name])

    return alter


def raise_leaf(tree: Any) -> None:
    tree["children"][0]["children"][1]["prediction"] += 1


def raise_root(tree: Any) -> None:
    tree["prediction"] *= 1.0001


def drop_empty_leaf(tree: Any) -> None:
    """Move what a leaf sells to its sibling, so that the sums still hold."""
    leaves = tree["children"][0]["children"]
    gone = leaves.pop()
    leaves[0]["prediction"] += gone["prediction"]


def of_cache(request: Request, document: Any) -> None:
    """Alter what was computed anew, as if the cache were of something else."""
    if request.url.path == "/forecast" and "no-cache" in request.headers.get("cache-control", ""):
        document["forecast"][0]["prediction"] += 0.001


def of_data(request: Request, document: Any) -> None:
    if request.url.path == "/health":
        document["reasons"] = [{"name": "data", "detail": "The newest sales are of 2020-01-01."}]


def of_release(request: Request, document: Any) -> None:
    if request.url.path == "/health":
        document["model_version"] = "2020-01-01-0000000000000000"


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        pytest.param(of_tree(raise_leaf), "tree: .* children of store:1 add up", id="a leaf"),
        pytest.param(of_tree(raise_root), "tree: .* children of total add up", id="the total"),
        pytest.param(of_tree(drop_empty_leaf), "tree: ", id="a node that is missing"),
        pytest.param(of_cache, "answer: .* two answers for .* differ", id="the cache"),
        pytest.param(of_day("prediction", lambda x: x + 5), "answer: .* adds up to", id="a day"),
        pytest.param(of_day("lower_95", lambda x: 1e9), "answer: .* intervals", id="an interval"),
        pytest.param(of_data, "health: .* 2020-01-01", id="old data"),
        pytest.param(of_release, "release: .* then ", id="another release in health"),
    ],
)
def test_a_server_that_answers_wrongly_fails(
    run: Run, server: Server, alter: Callable[[Request, Any], None], reason: str
) -> None:
    with altering(server.url, alter) as url:
        line = failure_of(run, url)
    assert re.search(reason, line)


def test_without_a_model_it_fails_and_says_what_to_do(run: Run, tmp_path: Path) -> None:
    with running(tmp_path, Store(tmp_path / "none")) as empty:
        empty.wait_for("/livez")
        line = failure_of(run, empty.url)
    assert "ready: /readyz: 503 MODEL_UNAVAILABLE" in line
    assert "mlrf models list" in line


def test_a_wrong_key_fails_and_names_the_variable(
    run: Run, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "another-key-that-is-unknown")
    line = failure_of(run, server.url)
    assert "health: /health: 401 AUTH_REQUIRED" in line or "401" in line
    assert "API_KEY" in line
    assert "unknown" not in line.replace("is unknown", "")


def test_a_slow_server_fails_within_the_time_limit(run: Run, server: Server) -> None:
    with altering(server.url, delay=0.4) as url:
        line = failure_of(run, url, "--timeout", "1")
    assert "no complete answer within the 1 s" in line


def test_an_endless_answer_fails_within_the_time_limit(run: Run) -> None:
    """Each read comes in time, and the whole of them never."""

    async def drip(request: Request) -> Response:
        import asyncio

        from starlette.responses import StreamingResponse

        async def parts() -> Any:
            for _ in range(100):
                yield b" "
                await asyncio.sleep(0.05)

        return StreamingResponse(parts())

    with serving(Starlette(routes=[Route("/readyz", drip)])) as url:
        assert "no complete answer within the 0.5 s" in failure_of(run, url, "--timeout", "0.5")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(PlainTextResponse("hello"), "is not that of MLRF", id="another server"),
        pytest.param(PlainTextResponse("no", 502), "status 502, which MLRF does not", id="a proxy"),
        pytest.param(RedirectResponse("/sign-in"), "redirects to /sign-in", id="a sign-in page"),
    ],
)
def test_another_kind_of_server_fails(run: Run, answer: Response, reason: str) -> None:
    async def reply(request: Request) -> Response:
        return answer

    with serving(Starlette(routes=[Route("/{path:path}", reply)])) as url:
        assert reason in failure_of(run, url)


def test_no_server_at_all_fails(run: Run) -> None:
    line = failure_of(run, f"http://127.0.0.1:{free_port()}")
    assert "no answer" in line


@pytest.mark.parametrize(
    "url", ["127.0.0.1:3000", "ftp://host", "http://key@host", "http://host/?key=secret", "http://"]
)
@pytest.mark.parametrize("command", ["check-server", "latency"])
def test_what_is_no_address_is_a_wrong_call(run: Run, command: str, url: str) -> None:
    done = run(command, url)
    assert (done.status, done.out) == (2, "")
    assert "secret" not in done.err


# --- latency ----------------------------------------------------------------------------------


def test_latency_has_a_row_for_each_call(run: Run, server: Server) -> None:
    done = run("latency", server.url, "--seconds", "1", "--connections", "2")
    assert done.status == 0
    for text in ("forecast", "whatif", "hierarchy", "p50 ms", "p95 ms", "p99 ms", "max ms"):
        assert text in done.out


@pytest.mark.parametrize(
    ("options", "least", "most"),
    [
        pytest.param(["--connections", "2"], 10, 10**6, id="closed"),
        pytest.param(["--rate", "20"], 15, 25, id="open"),
    ],
)
def test_json_counts_what_the_server_answered(
    run: Run, server: Server, options: list[str], least: int, most: int
) -> None:
    done = run("latency", server.url, "--json", "--call", "forecast", "--seconds", "1", *options)
    assert done.status == 0
    document = json.loads(done.out)
    assert list(document["calls"]) == ["forecast"]
    figures = document["all"]
    assert least <= figures["requests"] <= most
    assert figures["failures"] == {}
    assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"] <= figures["max_ms"]
    assert document["seconds"] < 3


def test_the_limit_of_a_key_is_respected_and_reported(
    run: Run, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"client": "slow", "tier": "slow"}
    made = server.request("POST", "/admin/keys", json=body, headers={"X-API-Key": KEY})
    monkeypatch.setenv("API_KEY", str(made.json()["key"]))
    done = run("latency", server.url, "--call", "forecast", "--seconds", "2")
    assert done.status == 0
    refused = re.search(r"(\d+) requests were refused", done.err)
    assert refused is not None
    assert int(refused[1]) < 20, "nothing is sent while the limit is used up"


def test_failures_are_counted_by_status_and_fail(run: Run, server: Server) -> None:
    """Here by a proxy that has lost its server after the first requests."""
    seen = count()

    def alter(request: Request, document: Any) -> None:
        if request.url.path == "/forecast" and next(seen) > 3:
            raise RuntimeError("a fault of the proxy")

    with altering(server.url, alter) as url:
        done = run("latency", url, "--call", "forecast", "--seconds", "1", "--json")
    assert done.status == 1
    assert json.loads(done.out)["all"]["failures"]["500"] > 0


@pytest.mark.parametrize("host", ["192.0.2.1", "forecasts.example"])
def test_another_machine_is_not_loaded_without_consent(run: Run, host: str) -> None:
    done = run("latency", f"http://{host}:3000")
    assert done.status == 2
    assert "--yes" in done.err


@pytest.mark.parametrize(
    "options",
    [["--seconds", "3600"], ["--connections", "1000"], ["--rate", "100000"]],
    ids=" ".join,
)
def test_a_run_is_bounded(run: Run, server: Server, options: list[str]) -> None:
    assert run("latency", server.url, *options).status == 2
