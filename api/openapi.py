"""The OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1), from calls and schemas."""

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
_DESCRIPTION = """Coherent, probabilistic daily sales forecasts for a retail hierarchy.

Quantities are in units, dates are written `YYYY-MM-DD`. A successful body depends on model, data
and request alone. Everything else is a [problem](/docs/errors)."""

_CODES_OF_ALL = frozenset(
    {
        *(Code.INTERNAL_ERROR, Code.TIMEOUT, Code.KEY_IN_QUERY),
        *(Code.URI_TOO_LONG, Code.HEADERS_TOO_LARGE),
    }
)
_CODES_OF_CHARGED = frozenset({Code.RATE_LIMITED, Code.COST_TOO_HIGH})
_CODES_OF_AUTHENTICATED = frozenset(
    {
        *(Code.AUTH_REQUIRED, Code.AUTH_INVALID, Code.FORBIDDEN),
        *(Code.INVALID_REQUEST, Code.KEYS_UNAVAILABLE),
    }
)
_CODES_OF_MODEL = frozenset({Code.MODEL_UNAVAILABLE})
_MODEL_NEEDS = (Dependency.MODEL, Dependency.CONDITIONS)
_CODES_OF_INPUT = frozenset({Code.INVALID_REQUEST})
_CODES_OF_BODY = frozenset(
    {
        *(Code.PARSE_ERROR, Code.UNSUPPORTED_MEDIA_TYPE),
        *(Code.PAYLOAD_TOO_LARGE, Code.REQUEST_TIMEOUT),
    }
)
_CODES_OF_FIELD = {
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
    """Return the OpenAPI document of these calls, as a JSON object."""
    schemas, components = _collect_schemas(calls)
    identifiers = operation_ids(calls)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for call in calls:
        operation = {"operationId": identifiers[call.name], **_describe_operation(call, schemas)}
        paths[call.path][call.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "MLRF",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The server that this document came from."}],
        "tags": [{"name": tag.label, "description": tag.description} for tag in Tag],
        "paths": dict(paths),
        "components": {
            "schemas": components,
            "responses": _problem_responses(calls),
            "headers": _HEADERS,
            "securitySchemes": _SECURITY,
        },
    }


def operation_ids(calls: Sequence[Operation]) -> dict[str, str]:
    """Return the name that generated clients give to each call, by the call's name.

    It is the handler's name where that is unique, and otherwise derived from the path. A changed
    name breaks every generated client.
    """
    functions = Counter(call.function.__name__ for call in calls)

    def identifier(call: Operation) -> str:
        name, tag = call.function.__name__, tag_of(call.path)
        if functions[name] > 1 or tag is Tag.MONITORING:
            return re.sub(r"\W+", "_", call.path).strip("_")
        return f"v2_{name}" if tag is Tag.INFERENCE else name

    return {call.name: identifier(call) for call in calls}


def problems_of(call: Operation) -> frozenset[Code]:
    """Return every code that a call can be refused with."""
    codes = _CODES_OF_ALL | call.error_codes
    codes |= _CODES_OF_MODEL if call.needs in _MODEL_NEEDS else frozenset()
    codes |= _CODES_OF_CHARGED if call.cost else frozenset()
    codes |= _CODES_OF_AUTHENTICATED if call.scope is not Access.PUBLIC else frozenset()
    model = call.body or call.query
    if model:
        codes |= _CODES_OF_INPUT
        names = {field.alias or name for name, field in model.model_fields.items()}
        for name in names & _CODES_OF_FIELD.keys():
            codes |= _CODES_OF_FIELD[name]
    return codes | _CODES_OF_BODY if call.body else codes


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


def _collect_schemas(calls: Sequence[Operation]) -> tuple[Schemas, dict[str, Any]]:
    """Return the schemas of all requests and answers, and the components that they refer to.

    All are generated in one call of pydantic, so that a model has one component however many
    calls use it. Answers are described as they are serialized, requests as they are validated.
    """
    wanted: dict[tuple[Any, JsonSchemaMode], TypeAdapter[Any]] = {}
    for call in calls:
        wanted[call.answer, "serialization"] = TypeAdapter(call.answer)
        for model in filter(None, (call.body, call.query)):
            wanted[model, "validation"] = TypeAdapter(model)
    wanted[ProblemAnswer, "serialization"] = TypeAdapter(ProblemAnswer)
    schemas, shared = TypeAdapter.json_schemas(
        [(key, key[1], adapter) for key, adapter in wanted.items()],
        ref_template=_SCHEMAS + "{model}",
        schema_generator=Plain,
    )
    components = shared["$defs"]
    by_model = {key: schema for (key, _), schema in schemas.items()}
    for call in calls:
        if call.query:  # described as a list of parameters, so no component is left of it
            by_model[call.query, "validation"] = components.pop(call.query.__name__)
    return by_model, components


def _describe_operation(call: Operation, schemas: Schemas) -> dict[str, Any]:
    summary, _, more = (getdoc(call.function) or "").partition("\n\n")
    operation: dict[str, Any] = {
        "tags": [tag_of(call.path).label],
        "summary": summary,
        "security": _security_of(call),
        "parameters": _describe_parameters(call, schemas),
        "responses": _describe_responses(call, schemas),
    }
    if more and "Raises:" not in more:
        operation["description"] = more
    if call.body:
        operation["requestBody"] = _describe_request_body(call, call.body, schemas)
    return operation


def _security_of(call: Operation) -> list[dict[str, list[str]]]:
    """Return the alternatives, a key or a token, with the scope; none for an open call."""
    if call.scope is Access.PUBLIC:
        return []
    scopes = [] if call.scope is Access.AUTHENTICATED else [str(call.scope)]
    return [{scheme: scopes} for scheme in _SECURITY]


def _describe_request_body(
    call: Operation, body: type[BaseModel], schemas: Schemas
) -> dict[str, Any]:
    content: dict[str, Any] = {JSON: {"schema": schemas[body, "validation"]}}
    example_values = {
        _example_name(example): {"value": example.body} for example in _examples_of(call)
    }
    if example_values:
        content[JSON]["examples"] = example_values
    if call.accepts_csv:
        content[CSV] = {
            "schema": {"type": "string"},
            "example": 'store_nbr,family,horizon\r\n1,"LIQUOR,WINE,BEER",15\r\n',
        }
    return {"required": True, "description": _describe_sizes(call), "content": content}


def _describe_sizes(call: Operation) -> str:
    """Describe the largest decompressed size of a body and the encodings that it may have."""
    table = f" ({call.max_table:,} as {CSV})" if call.accepts_csv else ""
    return f"Up to {call.max_body:,} bytes{table}; as it is, or with Content-Encoding: gzip."


def _describe_parameters(call: Operation, schemas: Schemas) -> list[dict[str, Any]]:
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
        required = schema.get("required", ())
        parameters += [
            {
                "name": name,
                "in": "query",
                "required": name in required,
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


def _describe_responses(call: Operation, schemas: Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {JSON: {"schema": schemas[call.answer, "serialization"]}}
    example_values = {
        _example_name(example): {"value": example.answer} for example in _examples_of(call)
    }
    if example_values:
        content[JSON]["examples"] = example_values
    if call.accepts_csv:
        content[CSV] = {"schema": {"type": "string"}}
    success: dict[str, Any] = {
        "description": "The answer.",
        "content": content,
        "headers": _header_references(),
    }
    if call.answer is str:
        success["content"] = {"text/plain": {"schema": {"type": "string"}}}
    responses: dict[str, Any] = {str(call.status): success}
    if call.headers:
        responses["200"] = {
            **success,
            "description": "The answer of the request that this repeats.",
        }
    if call.etag:
        success["headers"] = _header_references("ETag")
        responses["304"] = {
            "description": "The client has the answer.",
            "headers": success["headers"],
        }
    by_status: dict[int, list[Code]] = defaultdict(list)
    for code in sorted(problems_of(call), key=lambda code: code.name):
        by_status[code.status].append(code)
    for status, codes in sorted(by_status.items()):
        responses[str(status)] = {
            "$ref": f"#/components/responses/{_problem_name(status)}",
            "description": _explain_codes(codes),
        }
    return responses


_HEADERS = {
    "X-Request-ID": {
        "schema": {"type": "string"},
        "description": "The caller's, or a new one; in the log.",
    },
    "ETag": {"schema": {"type": "string"}, "description": "Of this very body."},
}


def _header_references(*more: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *more)}


def _problem_responses(calls: Iterable[Operation]) -> dict[str, Any]:
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
            "description": _explain_codes(sorted(codes, key=lambda code: code.name)),
            "content": {PROBLEM: {"schema": schema}},
            "headers": _header_references(),
        }
        for status, codes in sorted(by_status.items())
    }


def _problem_name(status: int) -> str:
    return f"Problem{status}"


def _explain_codes(codes: Iterable[Code]) -> str:
    return "; ".join(f"[{code.name}]({code.anchor}): {code.title}" for code in codes) + "."


def _examples_of(call: Operation) -> list[Example]:
    return [each for each in examples() if (each.method, each.path) == (call.method, call.path)]


def _example_name(example: Example) -> str:
    return example.query or "shown"
