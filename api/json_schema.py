"""JSON schemas as generators of clients read them best."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema


class Plain(GenerateJsonSchema):
    """Schemas without titles that repeat names, and without null for what may be left out."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """A title that is the field's name again becomes the name of a type in some clients."""
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Describe a field that may be left out by its values alone.

        The server takes null for it too, as it always has. But a client that is told so has a
        third state, beside left out and given, which means nothing.
        """
        described = super().default_schema(schema)
        if "default" not in described or described["default"] is not None:
            return described
        del described["default"]
        return _not_null(described)


def _not_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    kinds = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        return {**kinds[0], **schema}
    return {**schema, "anyOf": kinds} if kinds else schema
