"""Types of answers are those of the OpenAPI document, written by `tools/client_models.py`."""

from __future__ import annotations

from typing import Any

import pytest

from tools.client_models import TARGET, current_source, source_of, type_of

SCHEMAS: dict[str, Any] = {
    "Root": {
        "description": "A root.\n\nMore of it.",
        "properties": {
            "from": {"type": "string", "format": "date", "description": "First day."},
            "leaf": {"$ref": "#/components/schemas/Leaf"},
            "perhaps": {"type": "string"},
            "some": {"type": "array", "items": {"type": "number"}},
        },
        "required": ["from", "leaf"],
        "type": "object",
    },
    "Leaf": {"enum": ["a", "b"], "type": "string"},
    "Other": {"type": "string"},
}


def test_the_types_are_current() -> None:
    assert TARGET.read_text(encoding="utf-8") == current_source(), "`make docs` writes them anew"


def test_a_schema_is_a_dataclass_of_what_every_answer_has_and_of_lists() -> None:
    source = source_of(SCHEMAS, ("Root",))
    assert source.endswith(
        'Leaf = Literal["a", "b"]\n\n'.replace('"', "'")
        + "@dataclass(frozen=True, slots=True, kw_only=True)\n"
        "class Root:\n"
        '    """A root."""\n\n'
        "    from_: dt.date\n"
        '    """First day."""\n'
        "    leaf: Leaf\n"
        "    some: list[float] = field(default_factory=list)"
    )
    assert "Other" not in source


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param({"type": "integer"}, "int", id="integer"),
        pytest.param({"type": "string", "format": "date-time"}, "dt.datetime", id="time"),
        pytest.param({"anyOf": [{"type": "number"}, {"type": "null"}]}, "float | None", id="null"),
        pytest.param({"type": "array", "items": {"type": "boolean"}}, "list[bool]", id="list"),
        pytest.param(
            {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]},
            "tuple[int, str]",
            id="tuple",
        ),
        pytest.param(
            {"type": "object", "additionalProperties": {"type": "string"}},
            "dict[str, str]",
            id="names and values",
        ),
        pytest.param(
            {"type": "object", "additionalProperties": True}, "dict[str, Any]", id="any object"
        ),
        pytest.param({"const": False}, "Literal[False]", id="constant"),
        pytest.param({}, "Any", id="anything"),
    ],
)
def test_a_type_is_that_of_the_values(schema: dict[str, Any], expected: str) -> None:
    assert type_of(schema) == expected
