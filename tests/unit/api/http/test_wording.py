"""Validation messages are the project's own, with the value and what is expected."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_core._pydantic_core import list_all_errors

from api.http.parsing import validate_document
from api.http.wording import _EXPECTED, _WHOLE_SENTENCES, describe_fault, describe_value
from api.operations import OPERATIONS
from api.schemas.requests import Override
from errors import Problem

OF_PYDANTIC = ("Input should", "Field required", "Value error", "valid ", "should have", "parse")
MODELS = sorted(
    {model for call in OPERATIONS for model in (call.body, call.query) if model} | {Override},
    key=lambda model: model.__name__,
)
FIELDS = [
    pytest.param(model, field.alias or name, id=f"{model.__name__}.{field.alias or name}")
    for model in MODELS
    for name, field in model.model_fields.items()
]
WRONG: tuple[Any, ...] = (
    *(None, True, -1, 0, 7, 80.5, 1e300, 2**70, float("nan")),
    *("", "x", "7", "2024-02-30", "2024-07-01T00:00:00", "x" * 5000),
    *([], [None], ["x"], [80.5], [7] * 60, {}, {"x": 1}, {"op": "divide", "value": 1}),
)


def faults_of(model: type[BaseModel], name: str, value: object) -> list[Any]:
    """Return pydantic's errors of one field, without those of missing fields."""
    try:
        model.model_validate({name: value})
    except ValidationError as error:
        return [fault for fault in error.errors() if fault["loc"][0] == name]
    return []


@pytest.mark.parametrize("error", list_all_errors(), ids=lambda error: error["type"])
def test_no_message_of_pydantic_is_passed_on(error: Any) -> None:
    """Every error type of pydantic is covered, also those that no schema here produces."""
    context = error.get("example_context") or {}
    fault = {"type": error["type"], "loc": ("x",), "input": "sent", "ctx": context}
    text = describe_fault(fault)
    assert text != error["example_message_python"]
    assert not any(words in text for words in OF_PYDANTIC), text


@pytest.mark.parametrize(("model", "name"), FIELDS)
def test_every_wrong_value_is_reported_with_value_and_expectation(
    model: type[BaseModel], name: str
) -> None:
    refused = 0
    for value in WRONG:
        for fault in faults_of(model, name, value):
            refused += 1
            assert fault["type"] in _EXPECTED.keys() | _WHOLE_SENTENCES.keys(), fault["type"]
            text = describe_fault(fault)
            assert not any(words in text for words in OF_PYDANTIC), text
            assert len(text) < 300
            if fault["type"] not in ("missing", "extra_forbidden", "too_long", "too_short"):
                assert "expected" in text or "written" in text or " are " in text, text
                whole = "15 digits" in text
                assert whole or text.endswith(f"not {describe_value(fault['input'])}"), text
    any_value = model.__name__ in ("InferRequest", "Override") or name == "predictions"
    assert refused or any_value, "no wrong value was found for the field"


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"horizon": 366}, "/horizon: A number of at most 365 is expected, not 366."),
        ({"horizon": "15"}, "/horizon: A whole number is expected, not '15'."),
        ({"store_nbr": 80.5}, "/store_nbr: A whole number is expected, not 80.5."),
        ({"store_nbr": "7"}, "/store_nbr: A whole number is expected, not '7'."),
        ({"store_nbr": True}, "/store_nbr: A whole number is expected, not true."),
        ({"family": 5}, "/family: A text is expected, not 5."),
        ({"family": None}, "/family: A text is expected, not null."),
        ({"intervals": [49]}, "/intervals/0: A number of at least 50 is expected, not 49."),
        ({"intervals": 80}, "/intervals: A list is expected, not 80."),
        ({"intervals": [80] * 51}, "/intervals: At most 50 entries are expected, not 51."),
        ({"quantiles": [0]}, "/quantiles/0: A number of at least 0.005 is expected, not 0."),
        ({"quantiles": [0.1, "x"]}, "/quantiles/1: A number is expected, not 'x'."),
        ({"quantiles": [0.5] * 100}, "/quantiles: At most 99 entries are expected, not 100."),
        (
            {"date": "2024-02-30"},
            "/date: A date that exists, written YYYY-MM-DD, is expected, not '2024-02-30'.",
        ),
        ({"date": "tomorrow"}, "/date: a date is written YYYY-MM-DD, not 'tomorrow'."),
        ({"colour": 1}, "/colour: There is no such field."),
    ],
    ids=str,
)
def test_a_sentence_names_field_value_and_what_is_expected(
    change: dict[str, Any], detail: str
) -> None:
    model = next(model for model in MODELS if model.__name__ == "SimpleRequest")
    with pytest.raises(Problem) as refusal:
        validate_document({"store_nbr": 1, "family": "DAIRY", "horizon": 15, **change}, model)
    assert refusal.value.detail == detail


def test_a_missing_field_is_reported_as_required() -> None:
    model = next(model for model in MODELS if model.__name__ == "ReloadRequest")
    with pytest.raises(Problem, match="/source: A value is required, and missing"):
        validate_document({}, model)
