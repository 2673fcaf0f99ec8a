"""Parsing: a validated request, or a problem with the fault and its place."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode

import anyio
import orjson
import pytest
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from api.http.parsing import did_you_mean, read_json, read_query
from api.schemas.requests import HierarchyQuery, SimpleRequest
from errors import Code, Problem
from tests.support.asgi import body_messages, http_scope, receiver

SIMPLE = {"store_nbr": 1, "family": "DAIRY", "horizon": 15}


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")

    amount: int


class Basket(BaseModel):
    """A body with lists and maps, which no body of the contract has yet."""

    model_config = ConfigDict(extra="forbid")

    items: list[Item] = []
    by_name: dict[str, Item] = {}


def body(content: bytes, model: type[BaseModel], **headers: str) -> Any:
    scope = http_scope("POST", headers=headers, state={})
    return anyio.run(read_json, Request(scope, receiver(*body_messages(content))), model)


def document(content: object, model: type[BaseModel] = SimpleRequest) -> Any:
    return body(orjson.dumps(content), model)


def query(text: str) -> HierarchyQuery:
    return read_query(Request(http_scope(query_string=text.encode())), HierarchyQuery)


# --- bodies -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "date"),
    [
        pytest.param({}, None, id="left out"),
        pytest.param({"date": None}, None, id="null"),
        pytest.param({"date": "2024-02-29"}, dt.date(2024, 2, 29), id="payload"),
    ],
)
def test_a_valid_body_is_parsed(payload: dict[str, object], date: dt.date | None) -> None:
    request = document({**SIMPLE, **payload})
    assert request == SimpleRequest(store_nbr=1, family="DAIRY", date=date, horizon=15)


@pytest.mark.parametrize(
    "media_type", ["application/json", "Application/JSON; charset=utf-8", "application/json ;a=b"]
)
def test_every_spelling_of_the_json_media_type_is_accepted(media_type: str) -> None:
    assert body(orjson.dumps(SIMPLE), SimpleRequest, content_type=media_type).family == "DAIRY"


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "", "application/jsonx"])
def test_another_media_type_is_refused_by_name(media_type: str) -> None:
    with pytest.raises(Problem) as refusal:
        body(orjson.dumps(SIMPLE), SimpleRequest, content_type=media_type)
    assert refusal.value.code is Code.UNSUPPORTED_MEDIA_TYPE
    assert repr(media_type) in refusal.value.detail


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"store_nbr": 1', id="cut off"),
        pytest.param(b"{'store_nbr': 1}", id="wrong quotes"),
        pytest.param(b'{"store_nbr": NaN}', id="NaN"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"[" * 100_000, id="too deep"),
        pytest.param(b"store_nbr=1&family=DAIRY", id="a form"),
    ],
)
def test_invalid_json_is_refused(content: bytes) -> None:
    with pytest.raises(Problem) as refusal:
        body(content, SimpleRequest)
    assert refusal.value.code is Code.PARSE_ERROR
    assert "Traceback" not in refusal.value.detail


@pytest.mark.parametrize(
    ("number", "description"),
    [
        pytest.param(80.5, "not 80.5", id="half a number"),
        pytest.param("1", "not '1'", id="a text"),
        pytest.param(True, "not true", id="true"),
        pytest.param(None, "not null", id="null"),
        pytest.param([1], "not a list", id="a list"),
        pytest.param({}, "not an object", id="an object"),
        pytest.param(1.2345678901234568e29, "at most 15 digits", id="many digits"),
    ],
)
def test_a_value_that_is_no_integer_is_described(number: object, description: str) -> None:
    with pytest.raises(Problem, match=f"/store_nbr: A whole number .*{description}"):
        document({**SIMPLE, "store_nbr": number})


def test_a_whole_number_may_be_written_with_a_fraction_of_zero() -> None:
    """JSON Schema 2020-12, section 4.2.3."""
    content = b'{"store_nbr": 1.0, "family": "DAIRY", "horizon": 15.0, "intervals": [8e1]}'
    request = body(content, SimpleRequest)
    expected = SimpleRequest(store_nbr=1, family="DAIRY", horizon=15, intervals=(80,))
    assert request.model_dump_json() == expected.model_dump_json()


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        pytest.param({"intervals": ["a"] * 800}, 1, id="a list of wrong items"),
        pytest.param({"intervals": [80] * 800}, 1, id="a list that is too long"),
        pytest.param({f"k{n}": 1 for n in range(800)}, 20, id="unknown fields"),
    ],
)
def test_only_the_first_of_many_faults_are_reported(change: dict[str, object], faults: int) -> None:
    with pytest.raises(Problem) as refusal:
        document({**SIMPLE, **change})
    assert len(refusal.value.errors) == faults
    assert len(refusal.value.detail) < 2000


@pytest.mark.parametrize("content", [[], "text", 5, None, [SIMPLE]])
def test_json_that_is_no_object_is_refused_with_an_empty_pointer(content: object) -> None:
    """The empty pointer is the whole document (RFC 6901)."""
    with pytest.raises(Problem) as refusal:
        document(content)
    assert refusal.value.code is Code.INVALID_REQUEST
    assert [error.pointer for error in refusal.value.errors] == [""]


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        pytest.param({"store_nbr": "1"}, Code.INVALID_STORE, "/store_nbr", id="store as text"),
        pytest.param({"store_nbr": 1.5}, Code.INVALID_STORE, "/store_nbr", id="half a store"),
        pytest.param({"store_nbr": True}, Code.INVALID_STORE, "/store_nbr", id="true store"),
        pytest.param({"store_nbr": None}, Code.INVALID_STORE, "/store_nbr", id="no store"),
        pytest.param({"family": 3}, Code.INVALID_FAMILY, "/family", id="family as number"),
        pytest.param({"family": ["DAIRY"]}, Code.INVALID_FAMILY, "/family", id="families"),
        pytest.param({"horizon": 366}, Code.INVALID_HORIZON, "/horizon", id="other horizon"),
        pytest.param({"horizon": 0}, Code.INVALID_HORIZON, "/horizon", id="no horizon"),
        pytest.param({"horizon": "15"}, Code.INVALID_HORIZON, "/horizon", id="horizon as text"),
        pytest.param({"date": "tomorrow"}, Code.INVALID_DATE, "/date", id="a word"),
        pytest.param({"date": "2024-02-30"}, Code.INVALID_DATE, "/date", id="no such day"),
        pytest.param({"date": "2024-7-1"}, Code.INVALID_DATE, "/date", id="short month"),
        pytest.param({"date": "01/07/2024"}, Code.INVALID_DATE, "/date", id="another order"),
        pytest.param({"date": ""}, Code.INVALID_DATE, "/date", id="empty date"),
        pytest.param({"date": 1719792000}, Code.INVALID_DATE, "/date", id="seconds"),
        pytest.param({"date": "1719792000"}, Code.INVALID_DATE, "/date", id="seconds as text"),
        pytest.param({"date": "2024-07-01T00:00:00"}, Code.INVALID_DATE, "/date", id="a time"),
        pytest.param({"date": "٢٠٢٤-٠٧-٠١"}, Code.INVALID_DATE, "/date", id="other digits"),
        pytest.param({"colour": 1}, Code.INVALID_REQUEST, "/colour", id="unknown field"),
    ],
)
def test_a_wrong_field_has_its_code_and_its_place(
    change: dict[str, object], code: Code, pointer: str
) -> None:
    with pytest.raises(Problem) as refusal:
        document({**SIMPLE, **change})
    assert refusal.value.code is code
    assert [error.pointer for error in refusal.value.errors] == [pointer]
    assert pointer in refusal.value.detail
    assert "Value error" not in refusal.value.detail


def test_several_faults_are_all_listed_under_the_general_code() -> None:
    with pytest.raises(Problem) as refusal:
        document({"store_nbr": "x", "horizon": 700})
    assert refusal.value.code is Code.INVALID_REQUEST
    pointers = {error.pointer for error in refusal.value.errors}
    assert pointers == {"/store_nbr", "/family", "/horizon"}
    assert all(pointer in refusal.value.detail for pointer in pointers)


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        pytest.param({"items": [{"amount": 1}, {"amount": "x"}]}, "/items/1/amount", id="a list"),
        pytest.param({"by_name": {"a/b": {"amount": "x"}}}, "/by_name/a~1b/amount", id="a slash"),
        pytest.param({"by_name": {"a~b": {"amount": "x"}}}, "/by_name/a~0b/amount", id="a tilde"),
        pytest.param({"by_name": {"~1": {"amount": "x"}}}, "/by_name/~01/amount", id="an escape"),
        pytest.param({"by_name": {"": {"amount": "x"}}}, "/by_name//amount", id="an empty name"),
        pytest.param({"~/": 1}, "/~0~1", id="an unknown field"),
    ],
)
def test_pointers_lead_to_the_fault(content: object, pointer: str) -> None:
    """RFC 6901: ~ is written ~0 and / is written ~1, in this order."""
    with pytest.raises(Problem) as refusal:
        document(content, Basket)
    assert [error.pointer for error in refusal.value.errors] == [pointer]


# --- queries ----------------------------------------------------------------------------------


def test_a_query_is_read_from_text() -> None:
    text = urlencode(
        {"date": "2024-02-29", "horizon": 30, "by": "family", "node": "family:A/B", "depth": 0}
    )
    assert query(text) == HierarchyQuery(
        date=dt.date(2024, 2, 29), horizon=30, by="family", node="family:A/B", depth=0
    )


def test_an_empty_query_means_the_defaults() -> None:
    assert query("") == HierarchyQuery()


@pytest.mark.parametrize(
    ("text", "code", "name"),
    [
        ("date=soon", Code.INVALID_DATE, "date"),
        ("date=", Code.INVALID_DATE, "date"),
        ("date=1719792000", Code.INVALID_DATE, "date"),
        ("horizon=366", Code.INVALID_HORIZON, "horizon"),
        ("horizon=fifteen", Code.INVALID_HORIZON, "horizon"),
        ("horizon=15.5", Code.INVALID_HORIZON, "horizon"),
        ("horizon=", Code.INVALID_HORIZON, "horizon"),
        ("horizon=" + "9" * 5000, Code.INVALID_HORIZON, "horizon"),
        ("depth=-1", Code.INVALID_REQUEST, "depth"),
        ("depth=deep", Code.INVALID_REQUEST, "depth"),
        ("colour=red", Code.INVALID_REQUEST, "colour"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else value.name,
)
def test_a_wrong_parameter_has_its_code_and_its_name(text: str, code: Code, name: str) -> None:
    with pytest.raises(Problem) as refusal:
        query(text)
    assert refusal.value.code is code
    assert [error.pointer for error in refusal.value.errors] == [name]


def test_a_repeated_parameter_is_refused_by_name() -> None:
    """Taking the first or the last value would answer another query than the caller's."""
    with pytest.raises(Problem, match="horizon is given more than once") as refusal:
        query("by=store&horizon=15&horizon=30")
    assert refusal.value.code is Code.INVALID_REQUEST
    assert [error.pointer for error in refusal.value.errors] == ["horizon"]


def test_many_repeated_parameters_are_refused_by_one_name() -> None:
    with pytest.raises(Problem, match="a is given more than once"):
        query("&".join(["b=1", *4000 * ["a=1"]]))


# --- hints ------------------------------------------------------------------------------------

FAMILIES = dict.fromkeys(["DAIRY", "DELI", "LIQUOR,WINE,BEER", "SEAFOOD"])


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        pytest.param("DIARY", " Did you mean 'DAIRY'?", id="letters swapped"),
        pytest.param("dairy", " Did you mean 'DAIRY'?", id="another case"),
        pytest.param("sea food", " Did you mean 'SEAFOOD'?", id="two words"),
        pytest.param("LIQUOR, WINE, BEER", " Did you mean 'LIQUOR,WINE,BEER'?", id="spaces"),
        pytest.param("TOYS", "", id="nothing like it"),
        pytest.param("", "", id="empty"),
    ],
)
def test_a_misspelt_name_gets_the_nearest_as_a_hint(value: str, hint: str) -> None:
    assert did_you_mean(value, FAMILIES) == hint


def test_several_near_names_are_given_best_first() -> None:
    known = dict.fromkeys(["store:1", "store:10", "store:11", "store:12"])
    hint = did_you_mean("store:100", known)
    assert hint.startswith(" Did you mean 'store:10' or ")
    assert hint.count("'store:") == 3


def test_too_many_names_are_not_compared() -> None:
    known = {f"store:{number}": number for number in range(5_001)}
    assert did_you_mean("store:1O", known) == ""
    known.popitem()
    assert "store:1" in did_you_mean("store:1O", known)
