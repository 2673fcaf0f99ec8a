"""Answers that are kept: what the cache says, and that it never changes an answer."""

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

from api.response_cache import LARGE
from errors import Code, Problem
from models.engine import ForecastEngine
from models.forecaster import Forecaster
from models.release import LoadedRelease
from tests.contract.conftest import Client, LocalRunners, client_of

SERIES: dict[str, Any] = {"store_nbr": 1, "family": "LIQUOR,WINE,BEER"}
PROMOTED = {"adjustments": {"onpromotion": {"op": "add", "value": 3}}}
Asked = tuple[str, str, dict[str, Any]]


def asked_of(newest: date) -> dict[str, Asked]:
    """Each call that is kept, at the newest origin and at one that is computed."""
    past = {"date": (newest - timedelta(30)).isoformat()}
    week = {**SERIES, "horizon": 15}
    return {
        "simple": ("POST", "/predict/simple", week),
        "simple, past": ("POST", "/predict/simple", {**week, **past}),
        "hierarchy": ("GET", "/hierarchy", {"horizon": 15}),
        "hierarchy, past": ("GET", "/hierarchy", {"horizon": 15, **past}),
        "explain": ("POST", "/explain", SERIES),
        "explain, past": ("POST", "/explain", {**SERIES, **past}),
        "whatif": ("POST", "/whatif", {**week, **PROMOTED}),
        "whatif, past": ("POST", "/whatif", {**week, **PROMOTED, **past}),
    }


CALLS = [*asked_of(date.min + timedelta(60))]


@pytest.fixture
def asked(newest: date) -> dict[str, Asked]:
    return asked_of(newest)


def send(client: Client, asked: Asked, **headers: str) -> httpx.Response:
    method, path, given = asked
    how: dict[str, Any] = {"params": given} if method == "GET" else {"json": given}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.request(method, path, headers=named, **how)


def outcomes(*responses: httpx.Response) -> list[str | None]:
    return [response.headers.get("x-cache") for response in responses]


@pytest.mark.parametrize("call", CALLS)
def test_kept_and_computed_answers_are_byte_identical(
    client: Client, asked: dict[str, Asked], call: str
) -> None:
    missed, hit = send(client, asked[call]), send(client, asked[call])
    computed = send(client, asked[call], Cache_Control="no-cache")
    assert outcomes(missed, hit, computed) == ["miss", "hit", "bypass"]
    assert missed.status_code == 200
    assert missed.content == hit.content == computed.content
    assert missed.headers["content-type"] == hit.headers["content-type"]


@pytest.mark.parametrize("call", CALLS)
def test_an_answer_that_was_asked_for_anew_is_not_kept(
    client: Client, asked: dict[str, Asked], call: str
) -> None:
    """So that it can be compared with the kept one."""
    anew = send(client, asked[call], Cache_Control="max-age=0, no-cache")
    assert outcomes(anew, send(client, asked[call])) == ["bypass", "miss"]


def test_a_hit_computes_nothing(
    client: Client, runners: LocalRunners, asked: dict[str, Asked]
) -> None:
    send(client, asked["simple, past"])
    computed = len(runners.inferred)
    assert computed > 0
    send(client, asked["simple, past"])
    assert len(runners.inferred) == computed


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"family": "LIQUOR,WINE,BEER", "store_nbr": 1, "horizon": 15}, id="order"),
        pytest.param({**SERIES, "horizon": 15, "intervals": [80, 95]}, id="a default written out"),
        pytest.param({**SERIES, "horizon": 15, "date": None}, id="null for what is left out"),
    ],
)
def test_one_request_in_other_words_is_a_hit(
    client: Client, asked: dict[str, Asked], given: dict[str, Any]
) -> None:
    send(client, asked["simple"])
    again = send(client, ("POST", "/predict/simple", given))
    assert outcomes(again) == ["hit"]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"store_nbr": 2}, id="store"),
        pytest.param({"family": "DAIRY"}, id="family"),
        pytest.param({"horizon": 30}, id="horizon"),
        pytest.param({"intervals": [80]}, id="intervals"),
        pytest.param({"intervals": []}, id="no intervals"),
    ],
)
def test_another_request_is_a_miss(
    client: Client, asked: dict[str, Asked], given: dict[str, Any]
) -> None:
    method, path, usual = asked["simple"]
    first = send(client, asked["simple"])
    other = send(client, (method, path, {**usual, **given}))
    assert outcomes(other) == ["miss"]
    assert other.content != first.content


@pytest.mark.parametrize("call", CALLS)
def test_a_problem_is_never_kept(
    client_with: Callable[..., Client],
    runners: LocalRunners,
    asked: dict[str, Asked],
    call: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither one of the request, nor one of a runner that comes back."""
    runner = Fails(runners)
    client = client_with(onnx=runner)
    method, path, given = asked[call]
    wrong = {**given, "horizon": 7_000}
    for _ in range(2):
        refused = send(client, (method, path, wrong))
        assert (refused.status_code, outcomes(refused)) == (400, [None])
    runner.failing = True
    failed = send(client, asked[call])
    runner.failing = False
    answered = send(client, asked[call])
    assert answered.status_code == 200
    if failed.status_code == 200:  # the newest forecasts are stored, and need no runner
        assert (call in NEED_NO_RUNNER, outcomes(answered)) == (True, ["hit"])
        return
    client.problem(failed, Code.INFERENCE_FAILED)
    assert (outcomes(failed), outcomes(answered)) == ([None], ["miss"])


NEED_NO_RUNNER = ("simple", "hierarchy", "explain")


@dataclasses.dataclass
class Fails:
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
class Waits:
    """A model runner that answers when it is told to."""

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
    client_with: Callable[..., Client], runners: LocalRunners, asked: dict[str, Asked]
) -> None:
    _, path, given = asked["simple, past"]
    answers: list[httpx.Response] = []

    async def together() -> int:
        runner = Waits(runners, anyio.Event())
        transport = httpx.ASGITransport(client_with(onnx=runner).app)

        async def one(client: httpx.AsyncClient) -> None:
            answers.append(await client.post(path, json=given))

        async with (
            httpx.AsyncClient(transport=transport, base_url="http://mlrf") as client,
            anyio.create_task_group() as tasks,
        ):
            for _ in range(50):
                tasks.start_soon(one, client)
            await anyio.wait_all_tasks_blocked()
            runner.go.set()
        return runner.calls

    calls = anyio.run(together)
    alone = send(client_with(), asked["simple, past"])
    assert calls == 1
    assert {answer.content for answer in answers} == {alone.content}
    assert Counter(outcomes(*answers)) == {"miss": 1, "hit": 49}


@dataclasses.dataclass
class Swaps:
    """Serves one forecaster after the other."""

    given: Forecaster

    def forecaster(self) -> Forecaster:
        return self.given


def test_an_answer_of_another_snapshot_is_not_given(
    serving_release: LoadedRelease, runners: LocalRunners, asked: dict[str, Asked]
) -> None:
    """Not by the same cache, and the first one's is a hit again when that one serves again."""
    engine, forecasts = serving_release.engine, serving_release.forecasts
    other = LoadedRelease(
        ForecastEngine(engine.bundle, dataclasses.replace(engine.snapshot, name="another")),
        serving_release.intervals,
        dataclasses.replace(forecasts, mean=forecasts.mean * 2),
    )
    first, second = (Forecaster(release, runners, runners) for release in (serving_release, other))
    serving = Swaps(first)
    client = client_of(serving)
    answers = []
    for forecaster in (first, second, first):
        serving.given = forecaster
        answers.append(send(client, asked["simple"]))
    assert outcomes(*answers) == ["miss", "miss", "hit"]
    assert answers[1].json()["prediction"] == 2 * answers[0].json()["prediction"]
    assert answers[2].content == answers[0].content


def test_a_kept_answer_has_the_etag_of_the_computed_one(
    client: Client, asked: dict[str, Asked]
) -> None:
    first, again = (send(client, asked["hierarchy"]) for _ in range(2))
    assert outcomes(first, again) == ["miss", "hit"]
    assert first.headers["etag"] == again.headers["etag"]
    same = send(client, asked["hierarchy"], If_None_Match=first.headers["etag"])
    assert (same.status_code, same.content, outcomes(same)) == (304, b"", ["hit"])
    for answer in (first, again, same):
        assert answer.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("call", CALLS)
def test_a_hit_is_charged_like_a_miss(client: Client, asked: dict[str, Asked], call: str) -> None:
    """Also one that is known by its bytes, whose request is not read again."""
    charged: list[int] = []

    async def charge(units: int) -> None:
        charged.append(units)

    async def billed(scope: Scope, receive: Receive, send_: Send) -> None:
        scope.setdefault("state", {})["charge"] = charge
        await client.app(scope, receive, send_)

    missed = send(Client(billed), asked[call])
    once = sum(charged)
    hit = send(Client(billed), asked[call])
    assert outcomes(missed, hit) == ["miss", "hit"]
    assert sum(charged) == 2 * once
    assert (once > 0) == ("past" in call)


def test_who_cannot_pay_for_a_kept_answer_does_not_get_it(
    client: Client, asked: dict[str, Asked]
) -> None:
    send(client, asked["simple, past"])

    async def refuse(units: int) -> None:
        raise Problem(Code.RATE_LIMITED, "Not now.")

    async def poor(scope: Scope, receive: Receive, send_: Send) -> None:
        scope.setdefault("state", {})["charge"] = refuse
        await client.app(scope, receive, send_)

    client.problem(send(Client(poor), asked["simple, past"]), Code.RATE_LIMITED)


def test_equal_bytes_of_another_type_are_not_taken_for_a_request(
    client: Client, asked: dict[str, Asked]
) -> None:
    send(client, asked["simple"])
    refused = send(client, asked["simple"], Content_Type="text/plain")
    client.problem(refused, Code.UNSUPPORTED_MEDIA_TYPE)


def test_of_two_types_the_first_counts_for_a_kept_answer_too(
    client: Client, asked: dict[str, Asked]
) -> None:
    _, path, _ = asked["simple"]
    body = send(client, asked["simple"]).request.content
    types = [("Content-Type", "text/plain"), ("Content-Type", "application/json")]
    refused = client.request("POST", path, content=body, headers=types)
    client.problem(refused, Code.UNSUPPORTED_MEDIA_TYPE)


# --- compression ------------------------------------------------------------------------------

LARGE_ANSWER = ("POST", "/predict/simple", {**SERIES, "horizon": 90})
WHOLE_TREE = ("GET", "/hierarchy", {"horizon": 90})


@pytest.mark.parametrize("large", [LARGE_ANSWER, WHOLE_TREE], ids=["simple", "hierarchy"])
def test_a_large_answer_is_compressed_for_who_takes_it(client: Client, large: Asked) -> None:
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
    ("large", "takes"),
    [
        pytest.param(LARGE_ANSWER, "identity", id="takes none"),
        pytest.param(LARGE_ANSWER, "br, gzip; q=0", id="refuses gzip"),
        pytest.param(("POST", "/predict/simple", {**SERIES, "horizon": 15}), "gzip", id="small"),
    ],
)
def test_other_answers_are_sent_as_they_are(client: Client, large: Asked, takes: str) -> None:
    assert "content-encoding" not in send(client, large, Accept_Encoding=takes).headers


def test_a_compressed_answer_has_a_tag_of_its_own(client: Client) -> None:
    plain = send(client, WHOLE_TREE, Accept_Encoding="identity").headers["etag"]
    gzipped = send(client, WHOLE_TREE, Accept_Encoding="gzip").headers["etag"]
    assert plain != gzipped
    same = send(client, WHOLE_TREE, Accept_Encoding="gzip", If_None_Match=gzipped)
    assert (same.status_code, same.content) == (304, b"")
    other = send(client, WHOLE_TREE, Accept_Encoding="gzip", If_None_Match=plain)
    assert other.status_code == 200
