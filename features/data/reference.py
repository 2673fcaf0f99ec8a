"""Generator of the reference of ``retailer.yaml``: its keys and its schema (`make docs`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from inspect import getdoc
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from features.data.stated import RETAILER_FILE, Names, Stated

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
PAGE, SCHEMA = FOLDER / "retailer-file.md", FOLDER / "retailer.schema.json"
HEADING = "## Keys"
"""Heading of the section of the page that is generated."""

_INTRODUCTION = """\
`series` must be stated, everything else may be left out. A key that is not listed is an error. \
This section is generated from `features/data/stated.py` by `make docs`; a test compares the two.

| key | value | default | meaning |
|---|---|---|---|
"""
_KINDS: Mapping[Any, str] = {
    bool: "`true` or `false`",
    int: "a whole number",
    str: "text",
    Annotated: "text",
    dict: "texts by name",
    tuple[Names, ...]: "list of names and of lists",
    tuple[str, ...]: "list of names",
}
_DEFAULT_OF_KIND = {"true": "`true`", "false": "`false`", "null": "", "[]": "", "{}": ""}
_MEMBER = re.compile(r"^ {4}(\w+): (.+?)(?=^ {4}\w+:|\Z)", re.MULTILINE | re.DOTALL)


def keys_section() -> str:
    """Return the section of the page that lists every key, as Markdown."""
    rows = "".join(_key_rows(Stated, ""))
    values = "".join(_value_tables())
    return f"{HEADING}\n\n{_INTRODUCTION}{rows}\n{values}"


def with_keys(page: str) -> str:
    """Return the page with its generated section replaced.

    Raises:
        ValueError: the page has no such section.
    """
    start = page.index(f"{HEADING}\n")
    after = page.index("\n## ", start) + 1
    return page[:start] + keys_section() + page[after:]


def schema_text() -> str:
    """Return the JSON Schema of the file, for editors."""
    document = Stated.model_json_schema()
    for name, member in _enumerations():
        of_key = document["properties"][name]
        of_key.pop("$ref", None)
        of_key.pop("anyOf", None)  # of one that may be left out
        meanings = " ".join(f"`{value}`: {text}" for value, text in _meanings(member))
        description = f"{of_key['description']} {meanings}"
        of_key |= document["$defs"].pop(member.__name__) | {"description": description}
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": RETAILER_FILE}
    return json.dumps(head | _plain(document), indent=2, ensure_ascii=False) + "\n"


def _plain(schema: Any) -> Any:
    """Return a schema as a person would write it.

    Without titles that repeat names, line breaks in texts, null for what may be left out, and
    defaults that are empty.
    """
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if isinstance(schema, str):
        return " ".join(schema.split())
    if not isinstance(schema, dict):
        return schema
    result = {
        name: _plain(value)
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str))
        and not (name == "default" and not isinstance(value, bool | str))
    }
    kinds = result.get("anyOf", [])
    if {"type": "null"} in kinds:
        (kind,) = (each for each in result.pop("anyOf") if each != {"type": "null"})
        result |= kind
    return result


def _key_rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """Yield the rows of the keys of a model; a part of several keys has one row for each."""
    for name, field in model.model_fields.items():
        key, part = f"{prefix}{name}", _part_of(field)
        if part is not None:
            inner = f"{key}." if field.annotation is part else f"{key}.<column>."
            yield from _key_rows(part, inner)
            continue
        default = _describe_default(field)
        meaning = " ".join((field.description or "").split())
        yield f"| `{key}` | {_describe_kind(field)} | {default} | {meaning} |\n"


def _part_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a key that has keys of its own, or whose values have."""
    kinds = (field.annotation, *get_args(field.annotation))
    return next(
        (each for each in kinds if isinstance(each, type) and issubclass(each, BaseModel)), None
    )


def _describe_kind(field: FieldInfo) -> str:
    """Return the valid values of a key in words."""
    kind: Any = field.annotation
    if NoneType in get_args(kind):
        (kind,) = (part for part in get_args(kind) if part is not NoneType)
    if any(isinstance(each, BeforeValidator) for each in field.metadata):
        return "a name, or a list of names"
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(f"`{member.value}`" for member in kind)
    return _KINDS[kind if kind in _KINDS else get_origin(kind)]


def _describe_default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be stated"
    default = field.default.value if isinstance(field.default, Enum) else field.default
    text = json.dumps(default)
    return _DEFAULT_OF_KIND.get(text, f"`{text.strip(chr(34))}`")


def _enumerations() -> Iterator[tuple[str, type[Enum]]]:
    """Yield the keys whose values are members of an enumeration, and that."""
    for name, field in Stated.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, Enum):
                yield name, kind


def _value_tables() -> Iterator[str]:
    """Yield the table of the values of each key that has some."""
    for name, member in _enumerations():
        yield f"| `{name}` | meaning |\n|---|---|\n"
        for value, meaning in _meanings(member):
            yield f"| `{value}` | {meaning} |\n"
        yield "\n"


def _meanings(member: type[Enum]) -> Iterator[tuple[str, str]]:
    """Yield the values of an enumeration with what its docstring says of each."""
    text = (getdoc(member) or "").partition("Attributes:\n")[2]
    meanings = {name: " ".join(meaning.split()) for name, meaning in _MEMBER.findall(text)}
    for each in member:
        yield str(each.value), meanings[each.name]


def main() -> None:
    PAGE.write_text(with_keys(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    SCHEMA.write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
