"""The OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1), made from calls and schemas."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from inspect import getdoc
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from api.answers import JSON
from api.call import Call, Need, Open
from api.examples import Example, examples
from api.schemas.answer import ProblemAnswer
from errors import Code
from version import __version__

CSV, PROBLEM = "text/csv", "application/problem+json"
_SCHEMAS = "#/components/schemas/"
_ABOUT = """Coherent, probabilistic daily sales forecasts for a retail hierarchy.

Quantities are in units, dates are written `YYYY-MM-DD`. A successful body depends on model, data
and request alone. Everything else is a [problem](/docs/errors)."""

_OF_ANY = frozenset(
    {
        *(Code.INTERNAL_ERROR, Code.TIMEOUT, Code.KEY_IN_QUERY),
        *(Code.URI_TOO_LONG, Code.HEADERS_TOO_LARGE),
    }
)
_OF_CHARGED = frozenset({Code.RATE_LIMITED, Code.COST_TOO_HIGH})
_OF_CALLER = frozenset(
    {
        *(Code.AUTH_REQUIRED, Code.AUTH_INVALID, Code.FORBIDDEN),
        *(Code.INVALID_REQUEST, Code.KEYS_UNAVAILABLE),
    }
)
_OF_MODEL = frozenset({Code.MODEL_UNAVAILABLE})
_MODEL_NEEDS = (Need.MODEL, Need.CONDITIONS)
_OF_INPUT = frozenset({Code.INVALID_REQUEST})
_OF_BODY = frozenset(
    {
        *(Code.PARSE_ERROR, Code.UNSUPPORTED_MEDIA_TYPE),
        *(Code.PAYLOAD_TOO_LARGE, Code.REQUEST_TIMEOUT),
    }
)
_OF_FIELD = {
    "store_nbr": {Code.INVALID_STORE},
    "family": {Code.INVALID_FAMILY},
    "date": {Code.INVALID_DATE},
    "from": {Code.INVALID_DATE},
    "horizon": {Code.INVALID_HORIZON},
    "node": {Code.INVALID_NODE},
    "features": {Code.INVALID_FEATURES},
    "adjustments": {Code.INVALID_ADJUSTMENT},
}


def openapi(calls: Sequence[Call]) -> dict[str, Any]:
    """The document of these calls, as a JSON object."""
    schemas, components = _schemas(calls)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for call in calls:
        paths[call.path][call.method.lower()] = _operation(call, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "MLRF",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": dict(paths),
        "components": {"schemas": components, "securitySchemes": _SECURITY},
    }


def problems_of(call: Call) -> frozenset[Code]:
    """Every code that a call can be refused with."""
    codes = _OF_ANY | call.problems
    codes |= _OF_MODEL if call.needs in _MODEL_NEEDS else frozenset()
    codes |= _OF_CHARGED if call.cost else frozenset()
    codes |= _OF_CALLER if call.scope is not Open.TO_ALL else frozenset()
    asked = call.body or call.query
    if asked:
        codes |= _OF_INPUT
        names = {field.alias or name for name, field in asked.model_fields.items()}
        for name in names & _OF_FIELD.keys():
            codes |= _OF_FIELD[name]
    return codes | _OF_BODY if call.body else codes


_SECURITY = {
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "An API key, as `mlrf keys create` makes it.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, or a JSON Web Token of the single sign-on.",
    },
}

Schemas = Mapping[tuple[Any, JsonSchemaMode], Mapping[str, Any]]


def _schemas(calls: Iterable[Call]) -> tuple[Schemas, dict[str, Any]]:
    """Schemas of all that is taken and given, and the parts that they refer to."""
    wanted: dict[tuple[Any, JsonSchemaMode], TypeAdapter[Any]] = {}
    for call in calls:
        wanted[call.answer, "serialization"] = TypeAdapter(call.answer)
        for asked in filter(None, (call.body, call.query)):
            wanted[asked, "validation"] = TypeAdapter(asked)
    wanted[ProblemAnswer, "serialization"] = TypeAdapter(ProblemAnswer)
    schemas, shared = TypeAdapter.json_schemas(
        [(key, key[1], adapter) for key, adapter in wanted.items()],
        ref_template=_SCHEMAS + "{model}",
    )
    found = {key: schema for (key, _), schema in schemas.items()}
    return found, shared["$defs"]


def _operation(call: Call, schemas: Schemas) -> dict[str, Any]:
    summary, _, more = (getdoc(call.function) or "").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": _identifier(call),
        "summary": summary,
        "security": _security(call),
        "parameters": _parameters(call),
        "responses": _responses(call, schemas),
    }
    if more and "Raises:" not in more:
        operation["description"] = more
    if call.body:
        operation["requestBody"] = _request_body(call, call.body, schemas)
    return operation


def _security(call: Call) -> list[dict[str, list[str]]]:
    """Either a key or a token, with the scope; nothing for what is open."""
    if call.scope is Open.TO_ALL:
        return []
    scopes = [] if call.scope is Open.TO_CALLERS else [str(call.scope)]
    return [{scheme: scopes} for scheme in _SECURITY]


def _identifier(call: Call) -> str:
    words = [call.method.lower(), *re.sub(r"[-{}]", "_", call.path).strip("/").split("/")]
    words = [word.strip("_") for word in words]
    return "_".join(filter(None, words))


def _request_body(call: Call, body: type[BaseModel], schemas: Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {JSON: {"schema": schemas[body, "validation"]}}
    shown = {_named(example): {"value": example.body} for example in _of(call)}
    if shown:
        content[JSON]["examples"] = shown
    if call.tables:
        content[CSV] = {
            "schema": {"type": "string"},
            "example": 'store_nbr,family,horizon\r\n1,"LIQUOR,WINE,BEER",15\r\n',
        }
    return {"required": True, "description": _sizes(call), "content": content}


def _sizes(call: Call) -> str:
    """What a body may be, for a person: its size, decompressed, and its encodings."""
    table = f" ({call.max_table:,} as {CSV})" if call.tables else ""
    return f"Up to {call.max_body:,} bytes{table}; as it is, or with Content-Encoding: gzip."


def _parameters(call: Call) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": "As another call told it.",
            "schema": {"type": "string"},
        }
        for name in re.findall(r"{(\w+)}", call.path)
    ]
    parameters += [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": description,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        }
        for name, description in call.headers
    ]
    if call.query:
        schema = call.query.model_json_schema(ref_template=_SCHEMAS + "{model}")
        needed = schema.get("required", ())
        parameters += [
            {
                "name": name,
                "in": "query",
                "required": name in needed,
                "description": of_field.pop("description", ""),
                "schema": _without_null(of_field),
            }
            for name, of_field in schema["properties"].items()
        ]
    if call.lasting:
        parameters.append(
            {
                "name": "If-None-Match",
                "in": "header",
                "required": False,
                "description": "ETag of an answer that the client has: 304 if it is still right.",
                "schema": {"type": "string"},
            }
        )
    return parameters


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter that is left out is not null."""
    kinds = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
    schema.pop("default", None)
    return {**schema, **kinds[0]} if len(kinds) == 1 else schema


def _responses(call: Call, schemas: Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {JSON: {"schema": schemas[call.answer, "serialization"]}}
    shown = {_named(example): {"value": example.answer} for example in _of(call)}
    if shown:
        content[JSON]["examples"] = shown
    if call.tables:
        content[CSV] = {"schema": {"type": "string"}}
    told: dict[str, Any] = {"description": "The answer.", "content": content, "headers": _HEADERS}
    if call.answer is str:
        told["content"] = {"text/plain": {"schema": {"type": "string"}}}
    responses: dict[str, Any] = {str(call.status): told}
    if call.headers:
        responses["200"] = {**told, "description": "The answer of the request that this repeats."}
    if call.lasting:
        tag = {"ETag": {"schema": {"type": "string"}, "description": "Of this very body."}}
        told["headers"] = {**_HEADERS, **tag}
        responses["304"] = {"description": "The client has the answer.", "headers": told["headers"]}
    by_status: dict[int, list[Code]] = defaultdict(list)
    for code in sorted(problems_of(call), key=lambda code: code.name):
        by_status[code.status].append(code)
    for status, codes in sorted(by_status.items()):
        responses[str(status)] = _problem(codes)
    return responses


_HEADERS = {
    "X-Request-ID": {
        "schema": {"type": "string"},
        "description": "The caller's, or a new one; in the log.",
    }
}


def _problem(codes: Sequence[Code]) -> dict[str, Any]:
    told = "; ".join(f"[{code.name}]({code.anchor}): {code.title}" for code in codes)
    named = {"properties": {"code": {"enum": [code.name for code in codes]}}}
    schema = {"allOf": [{"$ref": f"{_SCHEMAS}{ProblemAnswer.__name__}"}, named]}
    content = {PROBLEM: {"schema": schema}}
    return {"description": f"{told}.", "content": content, "headers": _HEADERS}


def _of(call: Call) -> list[Example]:
    return [shown for shown in examples() if (shown.method, shown.path) == (call.method, call.path)]


def _named(example: Example) -> str:
    return example.query or "shown"
