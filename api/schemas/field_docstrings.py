"""Docstrings of the fields of a class, read from its source.

Pydantic can read them too (`use_attribute_docstrings`), but while it makes the class: that searches
all loaded modules, and takes a twentieth of a worker's start.
"""

from __future__ import annotations

import ast
from inspect import cleandoc, get_annotations, getsource
from textwrap import dedent


def field_docstrings(model: type) -> dict[str, str]:
    """Return the docstrings of the fields of a class and of its bases, by the fields' names."""
    docstrings: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if get_annotations(each):
            docstrings |= _own_docstrings(each)
    return docstrings


def _own_docstrings(model: type) -> dict[str, str]:
    try:
        (definition,) = ast.parse(dedent(getsource(model))).body
    except (OSError, TypeError):  # there is no source, as of a class of an extension module
        return {}
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: cleandoc(text.value.value)
        for field, text in zip(definition.body, definition.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
