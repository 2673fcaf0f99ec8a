"""The OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1), from calls and schemas."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from inspect import getdoc
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from api.docs.examples import Example, examples
from api.docs.json_schema import Plain
from api.forecasts.planning import Planning
from api.http.operation import Access, Operation, is_adjustable
from api.http.tags import Tag
from api.schemas.answer import ProblemAnswer
from api.schemas.field_codes import codes_by_field
from config.version import __version__
from errors import Code
from middleware.headers import ARROW, CSV, JSON, PARQUET
from models.serving.forecaster import Forecaster

PROBLEM = "application/problem+json"
_SCHEMAS = "#/components/schemas/"
_DESCRIPTION = """Coherent, probabilistic daily sales forecasts for a retail hierarchy.

Quantities are in units, dates are written `YYYY-MM-DD`. A successful body depends on model, data
and request alone, and with `adjusted` on the standing overrides of planners. Everything else is a
[problem](/docs/errors)."""

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
_CODES_OF_PLAN = frozenset({Code.OVERRIDES_UNAVAILABLE})
_CODES_OF_INPUT = frozenset({Code.INVALID_REQUEST})
_CODES_OF_BODY = frozenset(
    {
        *(Code.PARSE_ERROR, Code.UNSUPPORTED_MEDIA_TYPE),
        *(Code.PAYLOAD_TOO_LARGE, Code.REQUEST_TIMEOUT),
    }
)


def openapi(operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the OpenAPI document of these operations, as a JSON object."""
    schemas, components = _collect_schemas(operations)
    identifiers = operation_ids(operations)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for operation in operations:
        described = _describe_operation(operation, schemas)
        paths[operation.path][operation.method.lower()] = {
            "operationId": identifiers[operation.name],
            **described,
        }
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
            "responses": _problem_responses(operations),
            "headers": _HEADERS,
            "securitySchemes": _SECURITY,
        },
    }


def operation_ids(operations: Sequence[Operation]) -> dict[str, str]:
    """Return the name that generated clients give to each operation, by the operation's name.

    It is the handler's name where that is unique, and otherwise derived from the path. A changed
    name breaks every generated client.
    """
    functions = Counter(operation.handler.__name__ for operation in operations)

    def identifier(operation: Operation) -> str:
        name, tag = operation.handler.__name__, operation.tag
        if functions[name] > 1 or tag is Tag.MONITORING:
            return re.sub(r"\W+", "_", operation.path).strip("_")
        return f"v2_{name}" if tag is Tag.INFERENCE else name

    return {operation.name: identifier(operation) for operation in operations}


def problems_of(operation: Operation) -> frozenset[Code]:
    """Return every code that a call can be refused with."""
    codes = _CODES_OF_ALL | operation.error_codes
    codes |= _CODES_OF_MODEL if Forecaster in operation.parameters.values() else frozenset()
    codes |= _CODES_OF_CHARGED if operation.cost else frozenset()
    codes |= _CODES_OF_AUTHENTICATED if operation.scope is not Access.PUBLIC else frozenset()
    model = operation.body or operation.query
    if model:
        codes |= _CODES_OF_INPUT | {*codes_by_field(model).values()}
    if Planning in operation.parameters.values() or (model and is_adjustable(model)):
        codes |= _CODES_OF_PLAN
    return codes | _CODES_OF_BODY if operation.body else codes


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


def _collect_schemas(operations: Sequence[Operation]) -> tuple[Schemas, dict[str, Any]]:
    """Return the schemas of all requests and answers, and the components that they refer to.

    All are generated in one call of pydantic, so that a model has one component however many
    calls use it. Answers are described as they are serialized, requests as they are validated.
    """
    wanted: dict[tuple[Any, JsonSchemaMode], TypeAdapter[Any]] = {}
    for operation in operations:
        wanted[operation.answer, "serialization"] = TypeAdapter(operation.answer)
        for model in filter(None, (operation.body, operation.query)):
            wanted[model, "validation"] = TypeAdapter(model)
    wanted[ProblemAnswer, "serialization"] = TypeAdapter(ProblemAnswer)
    schemas, shared = TypeAdapter.json_schemas(
        [(key, key[1], adapter) for key, adapter in wanted.items()],
        ref_template=_SCHEMAS + "{model}",
        schema_generator=Plain,
    )
    components = shared["$defs"]
    by_model = {key: schema for (key, _), schema in schemas.items()}
    for operation in operations:
        if operation.query:  # described as a list of parameters, so no component is left of it
            by_model[operation.query, "validation"] = components.pop(operation.query.__name__)
    return by_model, components


def _describe_operation(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    summary, _, more = (getdoc(operation.handler) or "").partition("\n\n")
    described: dict[str, Any] = {
        "tags": [operation.tag.label],
        "summary": summary,
        "security": _security_of(operation),
        "parameters": _describe_parameters(operation, schemas),
        "responses": _describe_responses(operation, schemas),
    }
    if more and "Raises:" not in more:
        described["description"] = more
    if operation.body:
        described["requestBody"] = _describe_request_body(operation, operation.body, schemas)
    if operation.upload:
        described["requestBody"] = _UPLOADED
    return described


def _security_of(operation: Operation) -> list[dict[str, list[str]]]:
    """Return the alternatives, a key or a token, with the scope; none for an open operation."""
    if operation.scope is Access.PUBLIC:
        return []
    scopes = [] if operation.scope is Access.AUTHENTICATED else [str(operation.scope)]
    return [{scheme: scopes} for scheme in _SECURITY]


def _describe_request_body(
    operation: Operation, body: type[BaseModel], schemas: Schemas
) -> dict[str, Any]:
    content: dict[str, Any] = {JSON: {"schema": schemas[body, "validation"]}}
    example_values = {
        _example_name(example): {"value": example.body} for example in _examples_of(operation)
    }
    if example_values:
        content[JSON]["examples"] = example_values
    if operation.accepts_csv:
        content[CSV] = {
            "schema": {"type": "string"},
            "example": 'store_nbr,family,horizon\r\n1,"LIQUOR,WINE,BEER",15\r\n',
        }
    return {"required": True, "description": _describe_sizes(operation), "content": content}


_UPLOADED = {
    "required": True,
    "description": "The bytes of a file, up to the server's `MAX_UPLOAD_BYTES`.",
    "content": {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}


_DOWNLOADED = {
    media_type: {"schema": {"type": "string", "format": "binary"}}
    for media_type in (CSV, PARQUET, ARROW)
}


def _describe_sizes(operation: Operation) -> str:
    """Describe the largest decompressed size of a body and the encodings that it may have."""
    table = f" ({operation.max_table:,} as {CSV})" if operation.accepts_csv else ""
    return f"Up to {operation.max_body:,} bytes{table}; as it is, or with Content-Encoding: gzip."


def _describe_parameters(operation: Operation, schemas: Schemas) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": "As another call told it.",
            "schema": {"type": "string"},
        }
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    parameters += [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": description,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        }
        for name, description in operation.headers
    ]
    if operation.query:
        schema = schemas[operation.query, "validation"]
        required = schema.get("required", ())
        parameters += [
            {
                "name": name,
                "in": "query",
                "required": name in required,
                "description": of_field.get("description", ""),
                "schema": {key: of_field[key] for key in of_field if key != "description"},
                **({"style": "form", "explode": False} if of_field.get("type") == "array" else {}),
            }
            for name, of_field in schema["properties"].items()
        ]
    if operation.etag:
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


def _describe_responses(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    """Return the responses by status: the successes, 304, and references to the problems."""
    content = _describe_answer(operation, schemas)
    names = [*["ETag"] * operation.etag, *_TABLE_HEADERS * operation.tables]
    headers = _header_references(*names)
    success = {"description": "The answer.", "content": content, "headers": headers}
    responses: dict[str, Any] = {str(operation.status): success}
    if operation.replayable:
        responses["200"] = {
            **success,
            "description": "The answer of the request that this repeats.",
        }
    if operation.download:
        responses["206"] = {**success, "description": "A range of the file."}
    if operation.etag:
        responses["304"] = {"description": "The client has the answer.", "headers": headers}
    by_status: dict[int, list[Code]] = defaultdict(list)
    for code in sorted(problems_of(operation), key=lambda code: code.name):
        by_status[code.status].append(code)
    for status, codes in sorted(by_status.items()):
        responses[str(status)] = {
            "$ref": f"#/components/responses/{_problem_name(status)}",
            "description": _explain_codes(codes),
        }
    return responses


def _describe_answer(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    """Return the content of a successful response by media type."""
    if operation.download:
        return _DOWNLOADED
    if operation.answer is str:
        return {"text/plain": {"schema": {"type": "string"}}}
    content: dict[str, Any] = {JSON: {"schema": schemas[operation.answer, "serialization"]}}
    example_values = {
        _example_name(example): {"value": example.answer} for example in _examples_of(operation)
    }
    if example_values:
        content[JSON]["examples"] = example_values
    return content | _TABLES if operation.tables else content


_TABLES = {
    CSV: {"schema": {"type": "string"}},
    PARQUET: {"schema": {"type": "string", "format": "binary"}},
    ARROW: {"schema": {"type": "string", "format": "binary"}},
}
"""Forms of an answer that a client chooses by Accept."""

_HEADERS = {
    "X-Request-ID": {
        "schema": {"type": "string"},
        "description": "The caller's, or a new one; in the log.",
    },
    "ETag": {"schema": {"type": "string"}, "description": "Of this very body."},
    "X-Model-Version": {
        "schema": {"type": "string"},
        "description": "The model's version, of an answer that is a table.",
    },
    "X-Snapshot": {
        "schema": {"type": "string"},
        "description": "The snapshot of the data, of an answer that is a table.",
    },
}
_TABLE_HEADERS = ("X-Model-Version", "X-Snapshot")


def _header_references(*more: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *more)}


def _problem_responses(operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the response of each status that a call can be refused with.

    The `code` of a problem is an open list: a client must not fail at one that it does not know.
    """
    by_status: dict[int, set[Code]] = defaultdict(set)
    for operation in operations:
        for code in problems_of(operation):
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


def _examples_of(operation: Operation) -> list[Example]:
    return [
        each
        for each in examples()
        if (each.method, each.path) == (operation.method, operation.path)
    ]


def _example_name(example: Example) -> str:
    return example.query or "shown"
