"""The form with which a page sends a call: what the call takes, and an example of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from api.answers import JSON

_VALUES: Mapping[str, Any] = {"string": "", "integer": 0, "number": 0, "array": [], "object": {}}


def form_of(
    method: str, path: str, operation: Mapping[str, Any], components: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the page's template needs to draw the form of an operation."""
    content = operation.get("requestBody", {}).get("content", {})
    return {
        "method": method.upper(),
        "path": path,
        "parameters": [
            {
                "name": each["name"],
                "in": each["in"],
                "required": each["required"],
                "choices": _resolved(each["schema"], components).get("enum", ()),
            }
            for each in operation["parameters"]
        ],
        "bodies": [
            {"type": media_type, "text": _body(media_type, media, components)}
            for media_type, media in content.items()
        ],
    }


def _body(media_type: str, media: Mapping[str, Any], components: Mapping[str, Any]) -> str:
    """Return an example of a body, or the least that it must hold."""
    if media_type != JSON:
        return str(media.get("example", ""))
    for example in media.get("examples", {}).values():
        return _written(example["value"])
    return _written(_least(media["schema"], components))


def _least(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Any:
    resolved = _resolved(schema, components)
    if "enum" in resolved:
        return resolved["enum"][0]
    if resolved.get("type") == "object":
        fields = resolved.get("properties", {})
        return {name: _least(fields[name], components) for name in resolved.get("required", ())}
    if resolved.get("type") == "array" and resolved.get("minItems"):
        return [_least(resolved["items"], components)]
    return _VALUES.get(resolved.get("type", ""))


def _resolved(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref", "")
    found: Mapping[str, Any] = components[reference.rpartition("/")[2]] if reference else schema
    return found


def _written(body: Any) -> str:
    return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
