"""The scenarios as k6 reads them, and the responses that count as errors."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import pytest

from load.generator import (
    CROSSED,
    LOG,
    SCENARIOS,
    SCRIPTS,
    GeneratorError,
    load_plan,
    seconds_of,
    start_run,
)
from load.outcome import ALL, THRESHOLDS, RunSummary

pytestmark = pytest.mark.slow

TABLE = json.loads(THRESHOLDS.read_text(encoding="utf-8"))
EVERY = pytest.mark.parametrize("scenario", SCENARIOS)
CALLS = {"simple": 70, "hierarchy": 10, "batch": 10, "whatif": 5, "explain": 5}


@EVERY
def test_k6_takes_every_scenario(scenario: str) -> None:
    plan = load_plan(scenario, {})
    assert plan.warm_up >= 3
    assert [step.start for step in plan.steps] == sorted(step.start for step in plan.steps)
    assert plan.steps[0].start == pytest.approx(plan.warm_up)


@EVERY
def test_seconds_replace_the_durations_of_the_scenario(scenario: str) -> None:
    own, short = load_plan(scenario, {}), load_plan(scenario, {"SECONDS": "8"})
    assert short.measured == pytest.approx(8, abs=0.01)
    assert [step.users for step in short.steps] == [step.users for step in own.steps]
    assert short.warm_up == own.warm_up
    for step, after in pairwise(short.steps):
        assert after.start == pytest.approx(step.start + step.seconds, abs=0.01)


@pytest.mark.parametrize(
    ("scenario", "users"),
    [
        pytest.param("ramp", [25, 50, 100], id="ramp"),
        pytest.param("spike", [20, 200, 20], id="spike"),
        pytest.param("stress", [100, 200, 300, 400], id="stress"),
        pytest.param("soak", [100], id="soak"),
        pytest.param("open", [100], id="open"),
    ],
)
def test_steps(scenario: str, users: list[int]) -> None:
    assert [step.users for step in load_plan(scenario, {}).steps] == users


def test_soak_lasts_ten_minutes_and_short_is_over_in_half_a_minute() -> None:
    assert load_plan("soak", {}).measured == 600
    short = load_plan("short", {})
    assert short.warm_up + short.measured == 30


def test_open_sends_1000_requests_a_second_or_the_given_rate() -> None:
    assert [step.rate for step in load_plan("open", {}).steps] == [1000]
    assert [step.rate for step in load_plan("open", {"RATE": "50"}).steps] == [50]


def test_the_environment_changes_no_scenario(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = load_plan("ramp", {})
    for name, value in (("SECONDS", "5"), ("WARM_UP", "1"), ("K6_DURATION", "3s"), ("K6_VUS", "1")):
        monkeypatch.setenv(name, value)
    assert load_plan("ramp", {}) == own


@EVERY
def test_k6_uses_the_thresholds_of_the_file_and_no_others(scenario: str) -> None:
    expected: dict[str, list[str]] = {}
    for name in TABLE["scenarios"][scenario]:
        for metric, rules in TABLE["sets"][name].items():
            expected.setdefault(metric, []).extend(rules)
    actual = {
        metric: rules
        for metric, rules in _inspect_scenario(scenario)["thresholds"].items()
        if rules
    }
    assert actual == expected


def test_every_threshold_is_of_a_scenario_that_exists() -> None:
    assert set(TABLE["scenarios"]) == set(SCENARIOS)
    assert set(TABLE["memory"]) | set(TABLE["reload"]) <= set(SCENARIOS)
    assert {name for names in TABLE["scenarios"].values() for name in names} == set(TABLE["sets"])


def test_the_short_scenario_has_error_thresholds_only() -> None:
    rules = {metric for metric, rules in _inspect_scenario("short")["thresholds"].items() if rules}
    assert {metric.partition("{")[0] for metric in rules} == {"errors"}


def test_every_call_of_a_dashboard_has_a_share_and_a_threshold_of_its_own() -> None:
    text = (SCRIPTS / "lib" / "calls.js").read_text(encoding="utf-8")
    shares = re.findall(r"^  (\w+): \{\n    share: (\d+),$", text, re.MULTILINE)
    assert {name: int(share) for name, share in shares} == CALLS
    of_calls = {re.sub(r".*call:(\w+)\}", r"\1", metric) for metric in TABLE["sets"]["calls"]}
    assert of_calls == set(CALLS)


def test_a_script_that_k6_refuses_is_reported_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match=r"nothing.*\n.*nothing\.js"):
        load_plan("nothing", {})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("1m30s", 90, id="minutes"),
        pytest.param("1h0m0.5s", 3600.5, id="hours"),
        pytest.param("1.5s", 1.5, id="part"),
        pytest.param("500ms", 0.5, id="milliseconds"),
        pytest.param("0s", 0, id="none"),
    ],
)
def test_durations_of_go(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


# --- errors -----------------------------------------------------------------------------------

_LEAF = {"id": "store:1/family:A/B", "name": "A/B", "children": []}
_STORE = {"id": "store:1", "name": "1", "children": [_LEAF]}
_TREE = {"by": "store", "date": "2024-07-01", "tree": {"id": "total", "children": [_STORE]}}
_META = {
    "data": {"last": "2024-06-30"},
    "forecast": {"last": "2024-09-28"},
    "horizons": [15, 30, 60, 90],
}


class Stub(BaseHTTPRequestHandler):
    """A server that answers `/predict/simple` correctly and all else with an empty object."""

    protocol_version = "HTTP/1.1"
    keys: ClassVar[set[str | None]] = set()
    seconds: ClassVar[float] = 0.0

    def do_GET(self) -> None:
        self._send_json(_META if self.path == "/meta" else _TREE)

    def do_POST(self) -> None:
        payload = json.loads(self.rfile.read(int(self.headers["content-length"])))
        days = [{"date": f"2024-07-{day:02}"} for day in range(1, 16)]
        time.sleep(self.seconds)
        right = {**payload, "date": "2024-07-01", "forecast": days}
        self._send_json(right if self.path == "/predict/simple" else {})

    def _send_json(self, document: Any) -> None:
        self.keys.add(self.headers["x-api-key"])
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Write no log lines."""


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setitem(_META, "horizons", [15])
    with ThreadingHTTPServer(("127.0.0.1", 0), Stub) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_response_that_does_not_match_the_request_is_an_error(stub: str, tmp_path: Path) -> None:
    """A status of 200 does not suffice; the log has the reason."""
    variables = {
        "WARM_UP": "1",
        "SECONDS": "1",
        "URL": stub,
        "KEY": "of the stub",
        "OUT": str(tmp_path),
    }
    plan = load_plan("smoke", variables)
    assert start_run(plan, variables, tmp_path, points=False).wait(60) == CROSSED
    measured = RunSummary.read(plan, tmp_path)
    counts = {
        row[0]: (row[1], row[measured.calls.columns.index("errors")]) for row in measured.calls.rows
    }
    requests, errors = counts.pop("simple")
    assert requests
    assert errors == 0
    counts.pop(ALL)
    assert set(counts) == set(CALLS) - {"simple"}
    assert all(requests == errors for requests, errors in counts.values())
    assert [verdict.holds for verdict in measured.verdicts] == [False]
    assert "explain: what was asked for" in measured.wrong
    assert "POST /whatif" in (tmp_path / LOG).read_text(encoding="utf-8")
    assert Stub.keys == {"of the stub"}


def test_requests_that_could_not_be_sent_in_time_are_counted(
    stub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An open model that waits for connections would not measure what users wait for."""
    monkeypatch.setattr(
        Stub, "seconds", 1.0
    )  # 100 connections then carry at most 100 requests a second
    variables = {"WARM_UP": "1", "SECONDS": "2", "RATE": "400", "URL": stub, "KEY": "key"}
    variables["OUT"] = str(tmp_path)
    plan = load_plan("open", variables)
    assert start_run(plan, variables, tmp_path, points=False).wait(60) == CROSSED
    verdicts = {verdict.rule: verdict for verdict in RunSummary.read(plan, tmp_path).verdicts}
    dropped = verdicts["count==0"]
    assert not dropped.holds
    assert dropped.value is not None
    assert dropped.value > 300


def _inspect_scenario(scenario: str) -> Any:
    from load.generator import _command, _script_path

    done = subprocess.run(
        [*_command({}), "inspect", _script_path(scenario)], capture_output=True, check=True
    )
    return json.loads(done.stdout)
