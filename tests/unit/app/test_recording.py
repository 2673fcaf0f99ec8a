"""Requests are recorded beside their answers: bounded, counted where lost, and never waited for."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import numpy as np
import orjson
import pytest
from sqlalchemy import Engine, event
from starlette.requests import Request
from starlette.responses import Response
from structlog.testing import capture_logs

from api.forecasts.predict import predict
from api.forecasts.whatif import whatif
from api.http.answered import AnsweredRequest
from api.schemas.requests import RowRequest, WhatifRequest
from app import recording
from app.recording import ERASURE_SECONDS, LARGEST, PredictionRecorder
from middleware.context import context_of
from storage.database import open_database
from storage.feedback import FeedbackStore, StoredPrediction
from storage.migrations import upgrade
from tests.support.asgi import http_scope
from tests.support.clock import Clock

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FORECASTER: Any = SimpleNamespace(
    release=SimpleNamespace(
        engine=SimpleNamespace(
            bundle=SimpleNamespace(name="a-bundle"), snapshot=SimpleNamespace(name="a-snapshot")
        )
    )
)


def answered(
    number: int = 0, *, computed: bool = True, size: int = 0, media_type: str = "application/json"
) -> AnsweredRequest:
    """Return a row of features that was answered."""
    request = Request(http_scope())
    context = context_of(request.scope)
    context.request_id = f"request-{number}"
    context.rows = np.array([[1.5, np.nan]], dtype=np.float32)
    payload = RowRequest(features=[1.5, None])
    body = orjson.dumps({"prediction": float(number), "padding": size * "x"})
    response = Response(body, media_type=media_type)
    return AnsweredRequest(predict, request, {"payload": payload}, response, FORECASTER, computed)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path}/mlrf.db")
    upgrade(engine)
    yield engine
    engine.dispose()


class Outage:
    """A database whose connections are refused while it lasts."""

    def __init__(self, engine: Engine) -> None:
        self.lasts = False
        event.listen(engine, "begin", self._refuse)

    def _refuse(self, *_: object) -> None:
        if self.lasts:
            raise OSError("the database is not there")


@pytest.fixture
def outage(engine: Engine) -> Outage:
    return Outage(engine)


@pytest.fixture
def store(engine: Engine) -> FeedbackStore:
    return FeedbackStore(engine, Clock(NOW))


@pytest.fixture
def counts() -> Counter[str]:
    return Counter()


@pytest.fixture
def clock() -> Clock[float]:
    return Clock(1000.0)


@pytest.fixture
def recorder_of(
    store: FeedbackStore, counts: Counter[str], clock: Clock[float]
) -> Callable[..., PredictionRecorder]:
    def recorder_of(share: float = 1, **options: Any) -> PredictionRecorder:
        return PredictionRecorder(
            store,
            share=share,
            days=10,
            count_recorded=lambda number: counts.update({"recorded": number}),
            count_dropped=lambda reason, number: counts.update({reason: number}),
            clock=clock,
            **options,
        )

    return recorder_of


@pytest.fixture
def recorder(recorder_of: Callable[..., PredictionRecorder]) -> PredictionRecorder:
    return recorder_of()


def stored(store: FeedbackStore, number: int = 0) -> StoredPrediction:
    (only,) = store.find(f"request-{number}")
    return only


def test_a_request_is_recorded_with_what_it_was_answered_from(
    recorder: PredictionRecorder, store: FeedbackStore, counts: Counter[str]
) -> None:
    recorder.offer(answered(7))
    anyio.run(recorder.flush)
    each = stored(store, 7)
    assert (each.operation, each.bundle, each.snapshot) == (
        "POST /predict",
        "a-bundle",
        "a-snapshot",
    )
    assert orjson.loads(each.answer)["prediction"] == 7
    inputs = orjson.loads(each.inputs)
    assert inputs["rows"] == [[1.5, None]]
    assert "features" not in inputs["request"], "the rows have them"
    assert each.seconds > 0
    assert counts == {"recorded": 1}


def test_a_request_without_rows_is_recorded_as_it_was_validated(
    recorder: PredictionRecorder, store: FeedbackStore
) -> None:
    payload = WhatifRequest.model_validate(
        {"node": "total", "horizon": 7, "adjustments": {"price": {"value": 2.5}}}
    )
    row = answered()
    context_of(row.request.scope).rows = None
    recorder.offer(row._replace(operation=whatif, payload={"payload": payload}))
    anyio.run(recorder.flush)
    inputs = orjson.loads(stored(store).inputs)
    assert inputs.keys() == {"request"}
    assert inputs["request"]["adjustments"]["price"] == {
        "op": "set",
        "value": 2.5,
        "from": None,
        "to": None,
    }


@pytest.mark.parametrize(
    ("share", "computed", "recorded"),
    [
        pytest.param(1, True, 10, id="all"),
        pytest.param(0.3, True, 3, id="a share"),
        pytest.param(0, True, 0, id="none"),
        pytest.param(1, False, 0, id="slices of stored forecasts"),
    ],
)
def test_a_share_of_what_was_computed_is_recorded(
    recorder_of: Callable[..., PredictionRecorder],
    counts: Counter[str],
    share: float,
    computed: bool,
    recorded: int,
) -> None:
    chances = iter([tenth / 10 for tenth in range(10)])
    recorder = recorder_of(share, chance=lambda: next(chances))
    for number in range(10):
        recorder.offer(answered(number, computed=computed))
    anyio.run(recorder.flush)
    assert counts["recorded"] == recorded
    assert counts.total() == recorded


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        pytest.param({"size": LARGEST}, "large", id="larger than is recorded"),
        pytest.param({"media_type": "text/csv"}, "table", id="a table"),
    ],
)
def test_a_request_that_cannot_be_recorded_is_counted(
    recorder: PredictionRecorder, counts: Counter[str], options: dict[str, Any], reason: str
) -> None:
    recorder.offer(answered(**options))
    anyio.run(recorder.flush)
    assert counts == {reason: 1}


@pytest.mark.parametrize(
    ("bound", "most", "size"),
    [
        pytest.param("MOST_REQUESTS", 5, 0, id="requests"),
        pytest.param("MOST_BYTES", 5 * 1_200, 1_000, id="bytes"),
    ],
)
def test_the_buffer_is_bounded_while_the_database_is_not_there(
    recorder: PredictionRecorder,
    store: FeedbackStore,
    outage: Outage,
    counts: Counter[str],
    monkeypatch: pytest.MonkeyPatch,
    bound: str,
    most: int,
    size: int,
) -> None:
    monkeypatch.setattr(recording, bound, most)
    outage.lasts = True
    with capture_logs() as lines:
        for number in range(20):
            recorder.offer(answered(number, size=size))
            anyio.run(recorder.flush)
        assert counts.keys() == {"full"}
        lost = counts["full"]
        assert 20 - lost in (4, 5)
        outage.lasts = False
        anyio.run(recorder.flush)
    assert counts == {"full": lost, "recorded": 20 - lost}
    events = [(line["event"], line.get("lost")) for line in lines]
    assert events == [("feedback_not_recorded", None), ("feedback_recorded_again", lost)]
    assert stored(store, 0)
    recorder.offer(answered(99, size=size))
    anyio.run(recorder.flush)
    assert stored(store, 99), "what was written no longer counts towards the bound"


def test_a_second_outage_is_logged_again(recorder: PredictionRecorder, outage: Outage) -> None:
    with capture_logs() as lines:
        for lasts in (True, False, True):
            outage.lasts = lasts
            recorder.offer(answered())
            anyio.run(recorder.flush)
    assert [line["event"] for line in lines] == [
        "feedback_not_recorded",
        "feedback_recorded_again",
        "feedback_not_recorded",
    ]


def test_a_buffer_that_is_full_again_and_again_is_logged_once(
    recorder: PredictionRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MOST_REQUESTS", 2)
    with capture_logs() as lines:
        for _ in range(3):
            for number in range(5):
                recorder.offer(answered(number))
            anyio.run(recorder.flush)
        anyio.run(recorder.flush)
    events = [(line["event"], line.get("lost")) for line in lines]
    assert events == [("feedback_not_recorded", None), ("feedback_recorded_again", 9)]


def test_an_answer_does_not_wait_for_a_database_that_hangs(
    recorder: PredictionRecorder, store: FeedbackStore, engine: Engine, counts: Counter[str]
) -> None:
    writing, go_on = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        writing.set()
        assert go_on.wait(30)

    event.listen(engine, "begin", hang)

    async def offer_meanwhile() -> None:
        async with anyio.create_task_group() as tasks:
            recorder.offer(answered(0))
            tasks.start_soon(recorder.flush)
            await anyio.to_thread.run_sync(writing.wait)
            recorder.offer(answered(1))
            assert not go_on.is_set()
            go_on.set()

    anyio.run(offer_meanwhile)
    anyio.run(recorder.flush)
    assert [stored(store, number).request_id for number in (0, 1)] == ["request-0", "request-1"]
    assert counts == {"recorded": 2}


def test_the_rest_is_written_at_the_end(
    recorder: PredictionRecorder, store: FeedbackStore, counts: Counter[str]
) -> None:
    recorder.offer(answered())
    anyio.run(recorder.close, 5)
    assert stored(store)
    assert counts == {"recorded": 1}


def test_the_end_does_not_wait_longer_than_it_may(
    recorder: PredictionRecorder, engine: Engine, counts: Counter[str]
) -> None:
    go_on = threading.Event()
    event.listen(engine, "begin", lambda *_: go_on.wait(30))
    recorder.offer(answered())

    async def close() -> None:
        await recorder.close(0.05)
        assert counts == {"shutdown": 1}
        go_on.set()

    anyio.run(close)


def test_what_is_past_its_time_is_erased_though_nothing_is_recorded(
    recorder_of: Callable[..., PredictionRecorder], store: FeedbackStore, clock: Clock[float]
) -> None:
    recorder = recorder_of()
    recorder.offer(answered())
    anyio.run(recorder.flush)
    store.clock = Clock(datetime.now(UTC) + timedelta(11))
    off = recorder_of(share=0)
    anyio.run(off.flush)
    assert not stored(store).erased, "at an interval"
    clock.now += ERASURE_SECONDS
    anyio.run(off.flush)
    assert stored(store).erased
