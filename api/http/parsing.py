"""Parsing and validation of requests, whose faults become problems with a pointer to each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from api.http.json_body import parse_json
from api.http.wording import describe_fault
from api.schemas.field_codes import codes_by_field
from errors import Code, FieldError, Problem
from middleware.context import context_of
from middleware.headers import JSON, media_type_of
from middleware.policy import MIB

Model = TypeVar("Model", bound=BaseModel)

_LONGEST_NAME = 100
_MOST_NAMES = 5_000
"""Names that a misspelt one is compared with: 0.1 s of the event loop at most."""
_MOST_BYTES = 4 * MIB  # without `middleware.body_limit`, as in tests


async def read_body(request: Request) -> bytes:
    """Return the whole body, which is read at the first call and stored with the request.

    Starlette's reader is a chain of generators, which for the one message of a small body cost
    more than parsing it.

    Raises:
        ClientDisconnect: the client disconnected before the body was complete.
    """
    context = context_of(request.scope)
    if context.body is None:
        parts, more = [], True
        while more:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        context.body = b"".join(parts)
    return context.body


async def read_json(request: Request, model: type[Model], *, or_else: str = "") -> Model:
    """Return the request's JSON body, validated as `model`.

    Args:
        or_else: another media type that the call takes, which the problem names.

    Raises:
        Problem: the media type is not JSON, the body cannot be parsed, or a field is wrong.
    """
    media_type = media_type_of(request.scope)
    if media_type != JSON:
        raise Problem(
            Code.UNSUPPORTED_MEDIA_TYPE,
            f"The body is {shorten(media_type)!r}; send it as {JSON}"
            + (f" or {or_else}." if or_else else "."),
        )
    body = await read_body(request)
    max_bytes = context_of(request.scope).max_body_bytes or _MOST_BYTES
    return validate_document(await parse_json(body, max_bytes), model)


def read_query(request: Request, model: type[Model]) -> Model:
    """Return the request's query parameters, validated as `model`.

    Raises:
        Problem: a parameter is invalid, unknown, or repeated.
    """
    pairs = request.query_params.multi_items()
    values = dict(pairs)
    if len(values) != len(pairs):
        (repeated, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        repeated = shorten(repeated)
        raise Problem(
            Code.INVALID_REQUEST,
            f"{repeated} is given more than once.",
            errors=[FieldError(repeated, "Give it once.")],
        )
    return validate_document(values, model, prefix="")


def validate_document(document: Any, model: type[Model], *, prefix: str = "/") -> Model:
    """Return a document, validated as `model`.

    Args:
        prefix: of the pointers to its faults: "/" in a body, nothing in a query.

    Raises:
        Problem: the document is invalid, with up to `MOST_FAULTS` faults.
    """
    if type(document) is dict and len(document) > MOST_FAULTS:
        _refuse_unknown_names(document, model, prefix)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise _problem_of(faults, model, prefix) from None


MOST_FAULTS = 20
"""Faults of one request that its problem lists; further ones are only counted."""


def _refuse_unknown_names(document: dict[str, Any], model: type[BaseModel], prefix: str) -> None:
    """Refuse an object with far more members than fields, before pydantic reports each."""
    known = _field_names(model)
    many = len(document) > len(known) + MOST_FAULTS
    if many and model.model_config.get("extra") == "forbid":
        unknown = [name for name in document if name not in known]
        raise _problem_of([_unknown_field_fault(name) for name in unknown], model, prefix)


@cache
def _field_names(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(field.alias or name for name, field in model.model_fields.items())


def _unknown_field_fault(name: str) -> dict[str, Any]:
    """Return the fault that pydantic would report for a field that does not exist."""
    return {"type": "extra_forbidden", "loc": (name,), "msg": "", "input": None}


def _problem_of(faults: list[Any], model: type[BaseModel], prefix: str) -> Problem:
    errors = [
        FieldError(
            prefix * bool(fault["loc"])
            + "/".join(escape_pointer(shorten(str(part))) for part in fault["loc"]),
            describe_fault(fault),
        )
        for fault in faults[:MOST_FAULTS]
    ]
    codes = {_code_of(fault, model) for fault in faults}
    code = codes.pop() if len(codes) == 1 else Code.INVALID_REQUEST
    detail = "; ".join(f"{error.pointer or 'request'}: {error.detail}" for error in errors)
    more = f"; and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
    return Problem(code, f"{detail}{more}.", errors=errors)


def _code_of(fault: Any, model: type[BaseModel]) -> Code:
    """Return the code of a fault: that of its field, if that is a top-level one with a code."""
    if fault["type"] == "extra_forbidden" or len(fault["loc"]) != 1:
        return Code.INVALID_REQUEST
    return codes_by_field(model).get(str(fault["loc"][0]), Code.INVALID_REQUEST)


def shorten(text: str, length: int = 100) -> str:
    """Return a caller's text, cut to a length that a problem may contain."""
    return text if len(text) <= length else f"{text[:length]}…"


def escape_pointer(part: str) -> str:
    """Return a name, escaped as a part of a JSON pointer (RFC 6901)."""
    return part.replace("~", "~0").replace("/", "~1")


def did_you_mean(value: str, known: Mapping[str, Any]) -> str:
    """Return a hint with the known names most similar to a misspelt one, or an empty text."""
    # no name is so long, and comparing takes time
    if len(value) > _LONGEST_NAME or len(known) > _MOST_NAMES:
        return ""
    folded = {name.casefold(): name for name in known}
    similar = [folded[name] for name in get_close_matches(value.casefold(), folded, n=3)]
    return f" Did you mean {' or '.join(repr(name) for name in similar)}?" if similar else ""
