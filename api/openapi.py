"""The OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1), made from calls and schemas."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from inspect import getdoc
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from api.answers import JSON
from api.examples import Example, examples
from api.json_schema import Plain
from api.operation import Access, Dependency, Operation
from api.schemas.answer import ProblemAnswer
from api.tags import Tag, tag_of
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
_MODEL_NEEDS = (Dependency.MODEL, Dependency.CONDITIONS)
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


def openapi(calls: Sequence[Operation]) -> dict[str, Any]:
    """The document of these calls, as a JSON object."""
    schemas, components = _schemas(calls)
    identifiers = operation_ids(calls)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for call in calls:
        operation = {"operationId": identifiers[call.name], **_operation(call, schemas)}
        paths[call.path][call.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "MLRF",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The server that this document came from."}],
        "tags": [{"name": tag.label, "description": tag.description} for tag in Tag],
        "paths": dict(paths),
        "components": {
            "schemas": components,
            "responses": _problems(calls),
            "headers": _HEADERS,
            "securitySchemes": _SECURITY,
        },
    }


def operation_ids(calls: Sequence[Operation]) -> dict[str, str]:
    """Return the name that generated clients give to each call, by the call's name.

    It is the function's where no other call has it, and otherwise made of the path. A change of
    one breaks every generated client.
    """
    functions = Counter(call.function.__name__ for call in calls)

    def identifier(call: Operation) -> str:
        name, tag = call.function.__name__, tag_of(call.path)
        if functions[name] > 1 or tag is Tag.MONITORING:
            return re.sub(r"\W+", "_", call.path).strip("_")
        return f"v2_{name}" if tag is Tag.INFERENCE else name

    return {call.name: identifier(call) for call in calls}


def problems_of(call: Operation) -> frozenset[Code]:
    """Every code that a call can be refused with."""
    codes = _OF_ANY | call.error_codes
    codes |= _OF_MODEL if call.needs in _MODEL_NEEDS else frozenset()
    codes |= _OF_CHARGED if call.cost else frozenset()
    codes |= _OF_CALLER if call.scope is not Access.PUBLIC else frozenset()
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


def _schemas(calls: Sequence[Operation]) -> tuple[Schemas, dict[str, Any]]:
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
        schema_generator=Plain,
    )
    components = shared["$defs"]
    found = {key: schema for (key, _), schema in schemas.items()}
    for call in calls:
        if call.query:  # is a list of parameters, and no object
            found[call.query, "validation"] = components.pop(call.query.__name__)
    return found, components


def _operation(call: Operation, schemas: Schemas) -> dict[str, Any]:
    summary, _, more = (getdoc(call.function) or "").partition("\n\n")
    operation: dict[str, Any] = {
        "tags": [tag_of(call.path).label],
        "summary": summary,
        "security": _security(call),
        "parameters": _parameters(call, schemas),
        "responses": _responses(call, schemas),
    }
    if more and "Raises:" not in more:
        operation["description"] = more
    if call.body:
        operation["requestBody"] = _request_body(call, call.body, schemas)
    return operation


def _security(call: Operation) -> list[dict[str, list[str]]]:
    """Either a key or a token, with the scope; nothing for what is open."""
    if call.scope is Access.PUBLIC:
        return []
    scopes = [] if call.scope is Access.AUTHENTICATED else [str(call.scope)]
    return [{scheme: scopes} for scheme in _SECURITY]


def _request_body(call: Operation, body: type[BaseModel], schemas: Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {JSON: {"schema": schemas[body, "validation"]}}
    shown = {_named(example): {"value": example.body} for example in _of(call)}
    if shown:
        content[JSON]["examples"] = shown
    if call.accepts_csv:
        content[CSV] = {
            "schema": {"type": "string"},
            "example": 'store_nbr,family,horizon\r\n1,"LIQUOR,WINE,BEER",15\r\n',
        }
    return {"required": True, "description": _sizes(call), "content": content}


def _sizes(call: Operation) -> str:
    """What a body may be, for a person: its size, decompressed, and its encodings."""
    table = f" ({call.max_table:,} as {CSV})" if call.accepts_csv else ""
    return f"Up to {call.max_body:,} bytes{table}; as it is, or with Content-Encoding: gzip."


def _parameters(call: Operation, schemas: Schemas) -> list[dict[str, Any]]:
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
        schema = schemas[call.query, "validation"]
        needed = schema.get("required", ())
        parameters += [
            {
                "name": name,
                "in": "query",
                "required": name in needed,
                "description": of_field.get("description", ""),
                "schema": {key: of_field[key] for key in of_field if key != "description"},
            }
            for name, of_field in schema["properties"].items()
        ]
    if call.etag:
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


def _responses(call: Operation, schemas: Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {JSON: {"schema": schemas[call.answer, "serialization"]}}
    shown = {_named(example): {"value": example.answer} for example in _of(call)}
    if shown:
        content[JSON]["examples"] = shown
    if call.accepts_csv:
        content[CSV] = {"schema": {"type": "string"}}
    told: dict[str, Any] = {"description": "The answer.", "content": content, "headers": _headers()}
    if call.answer is str:
        told["content"] = {"text/plain": {"schema": {"type": "string"}}}
    responses: dict[str, Any] = {str(call.status): told}
    if call.headers:
        responses["200"] = {**told, "description": "The answer of the request that this repeats."}
    if call.etag:
        told["headers"] = _headers("ETag")
        responses["304"] = {"description": "The client has the answer.", "headers": told["headers"]}
    by_status: dict[int, list[Code]] = defaultdict(list)
    for code in sorted(problems_of(call), key=lambda code: code.name):
        by_status[code.status].append(code)
    for status, codes in sorted(by_status.items()):
        responses[str(status)] = {
            "$ref": f"#/components/responses/{_problem_name(status)}",
            "description": _explained(codes),
        }
    return responses


_HEADERS = {
    "X-Request-ID": {
        "schema": {"type": "string"},
        "description": "The caller's, or a new one; in the log.",
    },
    "ETag": {"schema": {"type": "string"}, "description": "Of this very body."},
}


def _headers(*more: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *more)}


def _problems(calls: Iterable[Operation]) -> dict[str, Any]:
    """Return the response of each status that a call can be refused with.

    The `code` of a problem is an open list: a client must not fail at one that it does not know.
    """
    by_status: dict[int, set[Code]] = defaultdict(set)
    for call in calls:
        for code in problems_of(call):
            by_status[code.status].add(code)
    schema = {"$ref": f"{_SCHEMAS}{ProblemAnswer.__name__}"}
    return {
        _problem_name(status): {
            "description": _explained(sorted(codes, key=lambda code: code.name)),
            "content": {PROBLEM: {"schema": schema}},
            "headers": _headers(),
        }
        for status, codes in sorted(by_status.items())
    }


def _problem_name(status: int) -> str:
    return f"Problem{status}"


def _explained(codes: Iterable[Code]) -> str:
    return "; ".join(f"[{code.name}]({code.anchor}): {code.title}" for code in codes) + "."


def _of(call: Operation) -> list[Example]:
    return [shown for shown in examples() if (shown.method, shown.path) == (call.method, call.path)]


def _named(example: Example) -> str:
    return example.query or "shown"
