"""The error code of a field of a request, declared with the field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from pydantic import BaseModel

from errors import Code


@dataclass(frozen=True)
class RefusedAs:
    """Annotation of a field: the code of a request in which it alone is invalid."""

    code: Code


@cache
def codes_by_field(model: type[BaseModel]) -> Mapping[str, Code]:
    """Return the codes of a model's fields that have one, by the name in the request."""
    return {
        field.alias or name: annotation.code
        for name, field in model.model_fields.items()
        for annotation in field.metadata
        if isinstance(annotation, RefusedAs)
    }
