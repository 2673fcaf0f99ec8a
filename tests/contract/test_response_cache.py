"""The cache of answers: its outcomes, and that it never changes an answer."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import anyio
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.types import Receive, Scope, Send

from api.http.response_cache import LARGE
from errors import Code, Problem
from middleware.context import context_of
from models.adaptation import Adaptation, Cell
from models.buckets import buckets_of
from models.engine import ForecastEngine
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from models.volumes import VOLUMES
from tests.contract.conftest import Client, LocalRunners, client_of

SERIES: dict[str, Any] = {"store_nbr": 1, "family": "LIQUOR,WINE,BEER"}
PROMOTED = {"adjustments": {"onpromotion": {"op": "add", "value": 3}}}
Call = tuple[str, str, dict[str, Any]]


def calls_of(newest: date) -> dict[str, Call]:
    """Return each cacheable call, at the newest origin and at a computed past one."""
    past = {"date": (newest - timedelta(30)).isoformat()}
    week = {**SERIES, "horizon": 15}
    return {
        "simple": ("POST", "/predict/simple", week),
        "simple, past": ("POST", "/predict/simple", {**week, **past}),
        "simple, quantiles": ("POST", "/predict/simple", {**week, "quantiles": [0.1, 0.9]}),
        "hierarchy, quantiles": ("GET", "/hierarchy", {"horizon": 15, "quantiles": "0.1,0.9"}),
        "hierarchy": ("GET", "/hierarchy", {"horizon": 15}),
        "hierarchy, past": ("GET", "/hierarchy", {"horizon": 15, **past}),
        "explain": ("POST", "/explain", SERIES),
        "explain, past": ("POST", "/explain", {**SERIES, **past}),
        "whatif": ("POST", "/whatif", {**week, **PROMOTED}),
        "whatif, past": ("POST", "/whatif", {**week, **PROMOTED, **past}),
    }


CALLS = [*calls_of(date.min + timedelta(60))]


@pytest.fixture
def calls(newest: date) -> dict[str, Call]:
    return calls_of(newest)


def send(client: Client, call: Call, **headers: str) -> httpx.Response:
    method, path, fields = call
    options: dict[str, Any] = {"params": fields} if method == "GET" else {"json": fields}
    header_fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.request(method, path, headers=header_fields, **options)


def outcomes(*responses: httpx.Response) -> list[str | None]:
    return [response.headers.get("x-cache") for response in responses]


@pytest.mark.parametrize("call", CALLS)
def test_cached_and_computed_answers_are_byte_identical(
    client: Client, calls: dict[str, Call], call: str
) -> None:
    missed, hit = send(client, calls[call]), send(client, calls[call])
    computed = send(client, calls[call], Cache_Control="no-cache")
    assert outcomes(missed, hit, computed) == ["miss", "hit", "bypass"]
    assert missed.status_code == 200
    assert missed.content == hit.content == computed.content
    assert missed.headers["content-type"] == hit.headers["content-type"]


@pytest.mark.parametrize("call", CALLS)
def test_an_answer_that_bypassed_the_cache_is_not_stored(
    client: Client, calls: dict[str, Call], call: str
) -> None:
    """A caller can compare it with the cached one."""
    anew = send(client, calls[call], Cache_Control="max-age=0, no-cache")
    assert outcomes(anew, send(client, calls[call])) == ["bypass", "miss"]


def test_a_hit_computes_nothing(
    client: Client, runners: LocalRunners, calls: dict[str, Call]
) -> None:
    send(client, calls["simple, past"])
    computed = len(runners.inferred)
    assert computed > 0
    send(client, calls["simple, past"])
    assert len(runners.inferred) == computed


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"family": "LIQUOR,WINE,BEER", "store_nbr": 1, "horizon": 15}, id="order"),
        pytest.param({**SERIES, "horizon": 15, "intervals": [80, 95]}, id="a default written out"),
        pytest.param({**SERIES, "horizon": 15, "quantiles": []}, id="no quantiles"),
        pytest.param({**SERIES, "horizon": 15, "date": None}, id="null for what is left out"),
    ],
)
def test_another_spelling_of_a_request_is_a_hit(
    client: Client, calls: dict[str, Call], fields: dict[str, Any]
) -> None:
    send(client, calls["simple"])
    again = send(client, ("POST", "/predict/simple", fields))
    assert outcomes(again) == ["hit"]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"store_nbr": 2}, id="store"),
        pytest.param({"family": "DAIRY"}, id="family"),
        pytest.param({"horizon": 30}, id="horizon"),
        pytest.param({"intervals": [80]}, id="intervals"),
        pytest.param({"intervals": []}, id="no intervals"),
        pytest.param({"quantiles": [0.1]}, id="quantiles"),
    ],
)
def test_another_request_is_a_miss(
    client: Client, calls: dict[str, Call], fields: dict[str, Any]
) -> None:
    method, path, usual = calls["simple"]
    first = send(client, calls["simple"])
    other = send(client, (method, path, {**usual, **fields}))
    assert outcomes(other) == ["miss"]
    assert other.content != first.content


@pytest.mark.parametrize("call", CALLS)
def test_a_problem_is_never_cached(
    client_with: Callable[..., Client],
    runners: LocalRunners,
    calls: dict[str, Call],
    call: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither a problem of the request, nor one of a runner that recovers."""
    runner = FailingRunner(runners)
    client = client_with(onnx=runner)
    method, path, fields = calls[call]
    wrong = {**fields, "horizon": 7_000}
    for _ in range(2):
        refused = send(client, (method, path, wrong))
        assert (refused.status_code, outcomes(refused)) == (400, [None])
    runner.failing = True
    failed = send(client, calls[call])
    runner.failing = False
    answered = send(client, calls[call])
    assert answered.status_code == 200
    if failed.status_code == 200:  # the newest forecasts are stored, and need no runner
        assert (call in NEED_NO_RUNNER, outcomes(answered)) == (True, ["hit"])
        return
    client.problem(failed, Code.INFERENCE_FAILED)
    assert (outcomes(failed), outcomes(answered)) == ([None], ["miss"])


NEED_NO_RUNNER = ("simple", "simple, quantiles", "hierarchy", "hierarchy, quantiles", "explain")


@dataclasses.dataclass
class FailingRunner:
    """A model runner that can be made to fail."""

    runners: LocalRunners
    failing: bool = False

    async def infer(
        self, bundle: str, snapshot: str, rows: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        if self.failing:
            raise ConnectionError("the runner is gone")
        return await self.runners.infer(bundle, snapshot, rows)


@dataclasses.dataclass
class WaitingRunner:
    """A model runner that answers when `go` is set."""

    runners: LocalRunners
    go: anyio.Event
    calls: int = 0

    async def infer(
        self, bundle: str, snapshot: str, rows: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        self.calls += 1
        await self.go.wait()
        return await self.runners.infer(bundle, snapshot, rows)


def test_equal_requests_at_the_same_time_are_computed_once(
    client_with: Callable[..., Client], runners: LocalRunners, calls: dict[str, Call]
) -> None:
    _, path, fields = calls["simple, past"]
    answers: list[httpx.Response] = []

    async def send_together() -> int:
        runner = WaitingRunner(runners, anyio.Event())
        transport = httpx.ASGITransport(client_with(onnx=runner).app)

        async def send_one(client: httpx.AsyncClient) -> None:
            answers.append(await client.post(path, json=fields))

        async with (
            httpx.AsyncClient(transport=transport, base_url="http://mlrf") as client,
            anyio.create_task_group() as tasks,
        ):
            for _ in range(50):
                tasks.start_soon(send_one, client)
            await anyio.wait_all_tasks_blocked()
            runner.go.set()
        return runner.calls

    computations = anyio.run(send_together)
    single = send(client_with(), calls["simple, past"])
    assert computations == 1
    assert {answer.content for answer in answers} == {single.content}
    assert Counter(outcomes(*answers)) == {"miss": 1, "hit": 49}


@dataclasses.dataclass
class SwitchingServing:
    """A serving state whose forecaster the test replaces."""

    current: Forecaster

    def forecaster(self) -> Forecaster:
        return self.current


def test_an_answer_of_another_snapshot_is_not_a_hit(
    serving_release: LoadedRelease, runners: LocalRunners, calls: dict[str, Call]
) -> None:
    """In the same cache; the first answer is a hit again when its release serves again."""
    engine, forecasts = serving_release.engine, serving_release.forecasts
    other = LoadedRelease(
        ForecastEngine(engine.bundle, dataclasses.replace(engine.snapshot, name="another")),
        serving_release.intervals,
        dataclasses.replace(forecasts, mean=forecasts.mean * 2),
    )
    first, second = (Forecaster(release, runners, runners) for release in (serving_release, other))
    serving = SwitchingServing(first)
    client = client_of(serving)
    answers = []
    for forecaster in (first, second, first):
        serving.current = forecaster
        answers.append(send(client, calls["simple"]))
    assert outcomes(*answers) == ["miss", "miss", "hit"]
    assert answers[1].json()["prediction"] == 2 * answers[0].json()["prediction"]
    assert answers[2].content == answers[0].content


@pytest.mark.parametrize("call", ["simple", "simple, past", "hierarchy, quantiles"])
def test_an_answer_of_another_adaptation_is_not_a_hit(
    serving_release: LoadedRelease, runners: LocalRunners, calls: dict[str, Call], call: str
) -> None:
    """In a cache that a worker shares with one that has not followed yet."""
    engine = serving_release.engine
    cells = {
        Cell(level, volume, name): 2.0
        for level in engine.snapshot.hierarchy.levels
        for volume in ("", *VOLUMES)
        for name in buckets_of(engine.snapshot.specification).names
    }
    state = Adaptation(engine.bundle.name, engine.snapshot.facts.origin, cells, "bundle-0123")
    wider = dataclasses.replace(
        serving_release, intervals=engine.adapt_intervals(state), adaptation=state
    )
    first, second = (Forecaster(each, runners, runners) for each in (serving_release, wider))
    serving = SwitchingServing(first)
    client = client_of(serving)
    answers = []
    for forecaster in (first, second, first, second):
        serving.current = forecaster
        answers.append(send(client, calls[call]))
    assert outcomes(*answers) == ["miss", "miss", "hit", "hit"]
    assert answers[0].content == answers[2].content != answers[1].content == answers[3].content
    plain, adapted = answers[:2]
    if call.startswith("simple"):
        assert plain.json()["prediction"] == adapted.json()["prediction"]
    else:
        assert plain.headers["etag"] != adapted.headers["etag"]


def test_a_cached_answer_has_the_etag_of_the_computed_one(
    client: Client, calls: dict[str, Call]
) -> None:
    first, again = (send(client, calls["hierarchy"]) for _ in range(2))
    assert outcomes(first, again) == ["miss", "hit"]
    assert first.headers["etag"] == again.headers["etag"]
    same = send(client, calls["hierarchy"], If_None_Match=first.headers["etag"])
    assert (same.status_code, same.content, outcomes(same)) == (304, b"", ["hit"])
    for answer in (first, again, same):
        assert answer.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("call", CALLS)
def test_a_hit_is_charged_like_a_miss(client: Client, calls: dict[str, Call], call: str) -> None:
    """Also a hit by the bytes of the request, which is not parsed again."""
    charged: list[int] = []

    async def charge(units: int, spent: int) -> None:
        charged.append(units)

    async def app_with_charge(scope: Scope, receive: Receive, send_: Send) -> None:
        context_of(scope).charge = charge
        await client.app(scope, receive, send_)

    missed = send(Client(app_with_charge), calls[call])
    cost = sum(charged)
    hit = send(Client(app_with_charge), calls[call])
    assert outcomes(missed, hit) == ["miss", "hit"]
    assert sum(charged) == 2 * cost
    assert (cost > 0) == ("past" in call or call == "hierarchy, quantiles")


def test_a_cached_answer_needs_remaining_budget(client: Client, calls: dict[str, Call]) -> None:
    send(client, calls["simple, past"])

    async def refuse(units: int, spent: int) -> None:
        raise Problem(Code.RATE_LIMITED, "Not now.")

    async def app_without_budget(scope: Scope, receive: Receive, send_: Send) -> None:
        context_of(scope).charge = refuse
        await client.app(scope, receive, send_)

    client.problem(send(Client(app_without_budget), calls["simple, past"]), Code.RATE_LIMITED)


def test_equal_bytes_of_another_content_type_are_refused(
    client: Client, calls: dict[str, Call]
) -> None:
    send(client, calls["simple"])
    refused = send(client, calls["simple"], Content_Type="text/plain")
    client.problem(refused, Code.UNSUPPORTED_MEDIA_TYPE)


def test_the_first_of_two_content_types_counts_for_a_cached_answer_too(
    client: Client, calls: dict[str, Call]
) -> None:
    _, path, _ = calls["simple"]
    body = send(client, calls["simple"]).request.content
    types = [("Content-Type", "text/plain"), ("Content-Type", "application/json")]
    refused = client.request("POST", path, content=body, headers=types)
    client.problem(refused, Code.UNSUPPORTED_MEDIA_TYPE)


# --- compression ------------------------------------------------------------------------------

LARGE_ANSWER = ("POST", "/predict/simple", {**SERIES, "horizon": 90})
WHOLE_TREE = ("GET", "/hierarchy", {"horizon": 90})


@pytest.mark.parametrize("large", [LARGE_ANSWER, WHOLE_TREE], ids=["simple", "hierarchy"])
def test_a_large_answer_is_compressed_for_clients_that_accept_gzip(
    client: Client, large: Call
) -> None:
    plain = send(client, large, Accept_Encoding="identity")
    assert len(plain.content) >= LARGE
    for _ in range(2):
        gzipped = send(client, large, Accept_Encoding="br;q=1.0, GZIP;q=0.5")
        assert gzipped.headers["content-encoding"] == "gzip"
        assert int(gzipped.headers["content-length"]) < len(plain.content) / 2
        assert gzipped.content == plain.content
    for answer in (plain, gzipped):
        assert "Accept-Encoding" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("large", "accepted"),
    [
        pytest.param(LARGE_ANSWER, "identity", id="takes none"),
        pytest.param(LARGE_ANSWER, "br, gzip; q=0", id="refuses gzip"),
        pytest.param(("POST", "/predict/simple", {**SERIES, "horizon": 15}), "gzip", id="small"),
    ],
)
def test_small_or_not_accepted_answers_are_not_compressed(
    client: Client, large: Call, accepted: str
) -> None:
    assert "content-encoding" not in send(client, large, Accept_Encoding=accepted).headers


def test_a_compressed_answer_has_an_etag_of_its_own(client: Client) -> None:
    plain = send(client, WHOLE_TREE, Accept_Encoding="identity").headers["etag"]
    gzipped = send(client, WHOLE_TREE, Accept_Encoding="gzip").headers["etag"]
    assert plain != gzipped
    same = send(client, WHOLE_TREE, Accept_Encoding="gzip", If_None_Match=gzipped)
    assert (same.status_code, same.content) == (304, b"")
    other = send(client, WHOLE_TREE, Accept_Encoding="gzip", If_None_Match=plain)
    assert other.status_code == 200
