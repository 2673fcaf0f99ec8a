"""JSON bodies: strict parsing, with size limits checked before parsing."""

from __future__ import annotations

from typing import Any

import anyio
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.http.json_body import MOST_DEPTH, MOST_STRINGS, parse_json
from errors import Code, Problem

KIB, MIB = 1024, 1024**2


def parse_body(body: bytes, max_bytes: int = 16 * KIB) -> Any:
    return anyio.run(parse_json, body, max_bytes)


def refusal(body: bytes, max_bytes: int = 16 * KIB) -> Problem:
    with pytest.raises(Problem) as refused:
        parse_body(body, max_bytes)
    return refused.value


# --- members ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "name"),
    [
        pytest.param(b'{"a":1,"a":2}', "a", id="at the top"),
        pytest.param(b'{"a":1,"a":1}', "a", id="of one value"),
        pytest.param(b'{"x":[{"a":1},{"b":1,"b":2}]}', "b", id="within a list"),
        pytest.param(b'{"x":{"y":{"c":null,"d":1,"c":2}}}', "c", id="deep"),
        pytest.param(b'{"a":{"a":1},"a":2}', "a", id="after an object"),
        pytest.param(b'{"a":1,"\\u0061":2}', "a", id="escaped once"),
        pytest.param(b'{ "a" : 1 ,\n"a"\t: ":" }', "a", id="with blanks"),
        pytest.param(b'{"":1,"":2}', "", id="without a name"),
        pytest.param(b'{"a\\"b":1,"a\\"b":2}', 'a"b', id="with a quote"),
    ],
)
def test_a_duplicate_member_is_refused_by_name(body: bytes, name: str) -> None:
    """orjson would silently keep the last value."""
    problem = refusal(body)
    assert problem.code is Code.INVALID_REQUEST
    assert [fault.pointer for fault in problem.errors] == [name]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"x":{"a":1},"y":{"a":2}}', id="one name in two objects"),
        pytest.param(b'{"a":"a","b":"a: {\\"a\\": 1}"}', id="texts with colons and braces"),
        pytest.param(b'{"a":"\\\\","b":":"}', id="a text that ends in a backslash"),
        pytest.param(b'["a:","a:"]', id="texts in a list"),
        pytest.param(b'{"a":1,"A":2}', id="another case"),
    ],
)
def test_different_names_are_no_duplicates(body: bytes) -> None:
    assert parse_body(body) == orjson.loads(body)


_TEXTS = st.text(st.sampled_from('ab:{}[]"\\,é '), max_size=4)
_DOCUMENTS = st.recursive(
    st.none() | st.integers(-5, 5) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(_DOCUMENTS)
def test_any_document_without_duplicates_is_parsed_unchanged(document: object) -> None:
    assert parse_body(orjson.dumps(document)) == document


@settings(deadline=None)
@given(st.dictionaries(_TEXTS, _DOCUMENTS, min_size=1, max_size=3))
def test_every_duplicate_is_found(document: dict[str, object]) -> None:
    name = next(iter(document))
    doubled = orjson.dumps(document)[:-1] + b"," + orjson.dumps({name: 1})[1:]
    assert refusal(b'[{"a":1},%b]' % doubled).code is Code.INVALID_REQUEST


# --- size -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "max_bytes", "why"),
    [
        pytest.param(b"[" + 60_000 * b"[]," + b"[]]", 4 * MIB, "lists and objects", id="lists"),
        pytest.param(b"[" + 60_000 * b"{}," + b"{}]", 4 * MIB, "lists and objects", id="objects"),
        pytest.param(b"[" + 250_000 * b"1," + b"1]", 4 * MIB, "values", id="numbers"),
        pytest.param(b"[" + 900 * b'"a",' + b"1]", 16 * KIB, "values", id="texts"),
        pytest.param(b"[" + 20_000 * b'"a",' + b"1]", 4 * MIB, "texts", id="many texts"),
        pytest.param(b"{" + 3_000 * b'"a":1,' + b'"b":1}', 16 * KIB, "values", id="members"),
        pytest.param(17 * b"[" + 17 * b"]", 16 * KIB, "levels deep", id="deep lists"),
        pytest.param(17 * b'{"a":' + b"1" + 17 * b"}", 16 * KIB, "levels", id="deep objects"),
        pytest.param(100_000 * b"[", 4 * MIB, "lists", id="lists that do not end"),
        pytest.param(b"[" + 100_000 * b"9" + b"]", 4 * MIB, "JSON", id="a number of many digits"),
        pytest.param(b"1e999999", 16 * KIB, "JSON", id="a number without bounds"),
    ],
)
def test_a_body_with_too_many_items_is_refused(body: bytes, max_bytes: int, why: str) -> None:
    problem = refusal(body, max_bytes)
    assert problem.code is Code.PARSE_ERROR
    assert why in problem.detail
    assert len(problem.detail) < 200


@pytest.mark.parametrize(
    ("body", "max_bytes"),
    [
        pytest.param(MOST_DEPTH * b"[" + MOST_DEPTH * b"]", 16 * KIB, id="levels"),
        pytest.param(b"[" + 180_000 * b"1.5," + b"1]", 4 * MIB, id="the rows of an inference"),
        pytest.param(
            orjson.dumps({"predictions": 100 * [{"a": 1, "b": ",", "c": list(range(50, 99))}]}),
            256 * KIB,
            id="a batch with every interval",
        ),
        pytest.param(b'"' + 15_000 * b"," + b'"', 1024 * KIB, id="a text of commas"),
        pytest.param(orjson.dumps([f"{n}" for n in range(MOST_STRINGS)]), MIB, id="texts"),
    ],
)
def test_the_largest_bodies_of_the_contract_are_read(body: bytes, max_bytes: int) -> None:
    assert parse_body(body, max_bytes) == orjson.loads(body)
