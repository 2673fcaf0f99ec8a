"""JSON schemas in the form that suits generators of clients."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
"""Keywords for bounds that stand on a validator, whose own names pydantic leaves."""


class Plain(GenerateJsonSchema):
    """Schemas without titles that repeat names, and without null for what may be left out."""

    def generate_definitions(self, inputs: Any) -> Any:
        """Describe bounds of a field with a validator by the keywords of JSON Schema."""
        schemas, definitions = super().generate_definitions(inputs)
        described = {key: _with_bounds(schema) for key, schema in schemas.items()}
        return described, _with_bounds(definitions)

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave out titles of fields: some generators make each the name of a type."""
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Describe a field that may be left out by its values, without null.

        The server accepts null for it too, with the same meaning as leaving it out. A schema that
        said so would give generated clients a third state without a meaning of its own.
        """
        described = super().default_schema(schema)
        if "default" not in described or described["default"] is not None:
            return described
        del described["default"]
        return _without_null(described)


def _with_bounds(schema: Any) -> Any:
    """Return a schema whose bounds have the keywords of JSON Schema."""
    if isinstance(schema, list):
        return [_with_bounds(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        _BOUNDS.get(name, name) if isinstance(value, int | float) else name: _with_bounds(value)
        for name, value in schema.items()
    }


def _without_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    kinds = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        return {**kinds[0], **schema}
    return {**schema, "anyOf": kinds} if kinds else schema
