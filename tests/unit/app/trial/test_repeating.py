"""A shadow repeats requests that depend on the release alone, a few at a time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.admin.models import promote_model
from api.forecasts.explain import explain
from api.forecasts.overrides import create_override
from api.forecasts.predict import forecast_node
from api.forecasts.whatif import whatif
from api.http.answered import AnsweredRequest
from api.http.operation import Operation
from api.open_inference import infer
from api.schemas.requests import ForecastRequest
from app.trial.repeating import QUEUE, Repeated, Repeater, is_repeatable, relative_difference
from tests.support.asgi import http_scope

PAYLOAD = {"payload": ForecastRequest(node="total", horizon=7)}


@pytest.mark.parametrize(
    ("operation", "repeatable"),
    [
        pytest.param(forecast_node, True, id="a forecast"),
        pytest.param(whatif, True, id="a what-if"),
        pytest.param(explain, True, id="an explanation"),
        pytest.param(infer, True, id="rows"),
        pytest.param(create_override, False, id="an override, which writes"),
        pytest.param(promote_model, False, id="a promotion"),
    ],
)
def test_what_acts_is_not_repeated(operation: Operation, repeatable: bool) -> None:
    models = {each for each in operation.parameters.values() if hasattr(each, "model_fields")}
    payload = {model.__name__: model.model_construct() for model in models}
    assert is_repeatable(operation, payload) is repeatable


def test_answers_with_overrides_are_not_repeated() -> None:
    adjusted = {"payload": ForecastRequest(node="total", horizon=7, adjusted=True)}
    assert is_repeatable(forecast_node, PAYLOAD)
    assert not is_repeatable(forecast_node, adjusted)


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [
        pytest.param(b'{"a": [1, 2], "b": "x"}', b'{"a": [1, 2], "b": "y"}', 0, id="equal numbers"),
        pytest.param(b'{"a": [1, 3]}', b'{"a": [1.5, 3.5]}', 0.25, id="other numbers"),
        pytest.param(b'{"a": true, "b": null}', b'{"a": false, "b": null}', 0, id="no numbers"),
        pytest.param(b"store,units\n1,2", b"store,units\n1,3", 0, id="no JSON"),
    ],
)
def test_the_difference_is_that_of_the_numbers(
    first: bytes, second: bytes, difference: float
) -> None:
    assert relative_difference(first, second) == pytest.approx(difference)


def offer(repeater: Repeater, share: float) -> None:
    request = Request(http_scope())
    answered = AnsweredRequest(forecast_node, request, PAYLOAD, Response(b"{}"), None, False)
    repeater.offer(share, answered, 0.1)


def test_no_more_wait_than_the_queue_has_places() -> None:
    repeated: list[Repeated] = []
    dropped: list[int] = []
    repeater = Repeater(repeated.append, lambda: dropped.append(1), chance=lambda: 0.5)
    for _ in range(QUEUE + 3):
        offer(repeater, share=1)
    assert len(dropped) == 3
    anyio.run(repeater.repeat_waiting, lambda: None)
    assert repeated == [], "there is no challenger any more"
    offer(repeater, share=1)
    assert len(dropped) == 3


def test_a_share_of_the_requests_is_repeated() -> None:
    broken: Any = SimpleNamespace(release=None)  # not a forecaster: the repetition fails
    repeated: list[Repeated] = []
    chances = iter([0.05, 0.15, 0.95])
    repeater = Repeater(repeated.append, lambda: None, chance=lambda: next(chances))
    for _ in range(3):
        offer(repeater, share=0.1)
    anyio.run(repeater.repeat_waiting, lambda: broken)
    assert [(each.route, each.failed) for each in repeated] == [("POST /forecast", True)]


def test_an_answer_that_is_streamed_is_not_repeated() -> None:
    """Nothing of it is kept to compare with."""
    repeated: list[Repeated] = []
    repeater = Repeater(repeated.append, lambda: None, chance=lambda: 0.0)
    response = StreamingResponse(iter([b"{}"]))
    request = Request(http_scope())
    answered = AnsweredRequest(forecast_node, request, PAYLOAD, response, None, False)
    repeater.offer(1, answered, 0.1)
    anyio.run(repeater.repeat_waiting, lambda: object())
    assert repeated == []
