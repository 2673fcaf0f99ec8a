"""Forms of the page /docs that call an operation: its parameters and an example body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from middleware.headers import JSON

_MINIMAL_VALUES: Mapping[str, Any] = {
    "string": "",
    "integer": 0,
    "number": 0,
    "array": [],
    "object": {},
}


def form_of(
    method: str, path: str, operation: Mapping[str, Any], components: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the variables of the template that renders the form of an operation."""
    content = operation.get("requestBody", {}).get("content", {})
    return {
        "method": method.upper(),
        "path": path,
        "parameters": [
            {
                "name": each["name"],
                "in": each["in"],
                "required": each["required"],
                "choices": _resolve_reference(each["schema"], components).get("enum", ()),
            }
            for each in operation["parameters"]
        ],
        "bodies": [
            {"type": media_type, "text": _example_body(media_type, media, components)}
            for media_type, media in content.items()
        ],
    }


def _example_body(media_type: str, media: Mapping[str, Any], components: Mapping[str, Any]) -> str:
    """Return an example of a body, or a body with no more than the required members."""
    if media_type != JSON:
        return str(media.get("example", ""))
    for example in media.get("examples", {}).values():
        return _as_json_text(example["value"])
    return _as_json_text(_minimal_value(media["schema"], components))


def _minimal_value(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Any:
    resolved = _resolve_reference(schema, components)
    if "enum" in resolved:
        return resolved["enum"][0]
    if resolved.get("type") == "object":
        fields = resolved.get("properties", {})
        return {
            name: _minimal_value(fields[name], components) for name in resolved.get("required", ())
        }
    if resolved.get("type") == "array" and resolved.get("minItems"):
        return [_minimal_value(resolved["items"], components)]
    return _MINIMAL_VALUES.get(resolved.get("type", ""))


def _resolve_reference(
    schema: Mapping[str, Any], components: Mapping[str, Any]
) -> Mapping[str, Any]:
    reference = schema.get("$ref", "")
    resolved: Mapping[str, Any] = components[reference.rpartition("/")[2]] if reference else schema
    return resolved


def _as_json_text(body: Any) -> str:
    return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
