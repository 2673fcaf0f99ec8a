"""Turns what a client sent into a checked request, or into a problem that says what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from api.json_body import parse_json
from api.operation import MIB
from api.wording import wording
from errors import Code, FieldError, Problem

Model = TypeVar("Model", bound=BaseModel)

_LONGEST_NAME = 100
_BODY_KEY = "body"
_LIMIT_KEY = "max_body_bytes"  # set by middleware.body_limit
_MOST_BYTES = 4 * MIB  # where there is no such middleware

_CODE_OF_FIELD = {
    "date": Code.INVALID_DATE,
    "from": Code.INVALID_DATE,
    "to": Code.INVALID_DATE,
    "horizon": Code.INVALID_HORIZON,
    "store_nbr": Code.INVALID_STORE,
    "family": Code.INVALID_FAMILY,
    "node": Code.INVALID_NODE,
}


def media_type_of(request: Request) -> str:
    """The media type of the body, without parameters; JSON where none is said."""
    given = request.headers.get("content-type", "application/json")
    return given.partition(";")[0].strip().lower()


async def sent_body(request: Request) -> bytes:
    """The whole body; it is read once, however often it is asked for.

    Starlette's reader is a chain of generators, which for the one message of a small body cost
    more than parsing it.

    Raises:
        ClientDisconnect: the caller went away before it was complete.
    """
    state = request.scope.setdefault("state", {})
    body: bytes | None = state.get(_BODY_KEY)
    if body is None:
        parts, more = [], True
        while more:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        body = state[_BODY_KEY] = b"".join(parts)
    return body


async def read_json(request: Request, model: type[Model], *, or_else: str = "") -> Model:
    """The request's body as `model`.

    Args:
        or_else: another media type that the call takes, for the problem.

    Raises:
        Problem: the media type is not JSON, the body cannot be parsed, or a field is wrong.
    """
    media_type = media_type_of(request)
    if media_type != "application/json":
        raise Problem(
            Code.UNSUPPORTED_MEDIA_TYPE,
            f"The body is {shortened(media_type)!r}; send it as application/json"
            + (f" or {or_else}." if or_else else "."),
        )
    body = await sent_body(request)
    max_bytes = request.scope["state"].get(_LIMIT_KEY, _MOST_BYTES)
    return checked(await parse_json(body, max_bytes), model)


def read_query(request: Request, model: type[Model]) -> Model:
    """The request's query parameters as `model`.

    Raises:
        Problem: a parameter is wrong, unknown, or given twice.
    """
    pairs = request.query_params.multi_items()
    values = dict(pairs)
    if len(values) != len(pairs):
        (repeated, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        repeated = shortened(repeated)
        raise Problem(
            Code.INVALID_REQUEST,
            f"{repeated} is given more than once.",
            errors=[FieldError(repeated, "Give it once.")],
        )
    return checked(values, model, prefix="")


def checked(document: Any, model: type[Model], *, prefix: str = "/") -> Model:
    """A document as `model`.

    Args:
        prefix: of the pointers to what is wrong with it.

    Raises:
        Problem: it is not one.
    """
    if type(document) is dict and len(document) > MOST_FAULTS:
        _check_names(document, model, prefix)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise _problem(faults, prefix) from None


MOST_FAULTS = 20
"""Faults of one request that are told; a client that has mended those learns the others."""


def _check_names(document: dict[str, Any], model: type[BaseModel], prefix: str) -> None:
    """Refuse an object of far more members than there are fields, before each becomes a fault."""
    known = _names_of(model)
    many = len(document) > len(known) + MOST_FAULTS
    if many and model.model_config.get("extra") == "forbid":
        strangers = [name for name in document if name not in known]
        raise _problem([_stranger(name) for name in strangers], prefix)


@cache
def _names_of(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(field.alias or name for name, field in model.model_fields.items())


def _stranger(name: str) -> dict[str, Any]:
    """A fault as pydantic would report it of a field that there is not."""
    return {"type": "extra_forbidden", "loc": (name,), "msg": "", "input": None}


def _problem(faults: list[Any], prefix: str) -> Problem:
    errors = [
        FieldError(
            prefix * bool(fault["loc"])
            + "/".join(escaped(shortened(str(part))) for part in fault["loc"]),
            wording(fault),
        )
        for fault in faults[:MOST_FAULTS]
    ]
    codes = {_code_of(fault) for fault in faults}
    code = codes.pop() if len(codes) == 1 else Code.INVALID_REQUEST
    detail = "; ".join(f"{error.pointer or 'request'}: {error.detail}" for error in errors)
    more = f"; and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
    return Problem(code, f"{detail}{more}.", errors=errors)


def _code_of(fault: Any) -> Code:
    """The code of a fault: the field's own, but for a field that there is not."""
    if fault["type"] == "extra_forbidden" or len(fault["loc"]) != 1:
        return Code.INVALID_REQUEST
    return _CODE_OF_FIELD.get(str(fault["loc"][0]), Code.INVALID_REQUEST)


def shortened(text: str, length: int = 100) -> str:
    """A text that a caller gave, short enough to be told back."""
    return text if len(text) <= length else f"{text[:length]}…"


def escaped(part: str) -> str:
    """A part of a JSON pointer (RFC 6901)."""
    return part.replace("~", "~0").replace("/", "~1")


def nearest(value: str, known: Mapping[str, Any]) -> str:
    """A hint with the names that a misspelt one may have meant, or an empty text."""
    if len(value) > _LONGEST_NAME:  # no name is so long, and comparing takes time
        return ""
    folded = {name.casefold(): name for name in known}
    found = [folded[name] for name in get_close_matches(value.casefold(), folded, n=3)]
    return f" Did you mean {' or '.join(repr(name) for name in found)}?" if found else ""
