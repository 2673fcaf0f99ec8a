"""Write the types of answers of the Python client from the OpenAPI document.

    .venv/bin/python -m tools.client_models

A schema becomes a frozen dataclass, an enumeration a `Literal`. Of the members that an answer may
lack, lists are empty then; others are left out: the client reads none of them.
"""

from __future__ import annotations

import keyword
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from api.docs.openapi import openapi
from api.operations import OPERATIONS
from config.paths import ROOT

TARGET = ROOT / "clients" / "python" / "mlrf_client" / "_models.py"
ANSWERS = (
    *("AccuracyAnswer", "CallerAnswer", "ExceptionsAnswer", "ExplainAnswer", "Fault"),
    *(
        "ExportAnswer",
        "ExportsAnswer",
        "ForecastAnswer",
        "HealthAnswer",
        "HierarchyAnswer",
        "HistoricalAnswer",
        "MetaAnswer",
    ),
    *("MetricsAnswer", "NewOverrideAnswer", "NodeAccuracyAnswer", "OverrideAnswer"),
    *("OverridesAnswer", "RowAnswer", "WhatifAnswer", "YearBeforeAnswer"),
)
"""Schemas that the client parses; those that they refer to are written too."""

_HEAD = '''"""Types of answers. Written by `make docs` from the OpenAPI document; do not edit."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Literal
'''
_PREFIX = "#/components/schemas/"
_WIDTH = 96
_SCALARS = {
    "boolean": "bool",
    "integer": "int",
    "null": "None",
    "number": "float",
    "string": "str",
}
_FORMATS = {"date": "dt.date", "date-time": "dt.datetime"}

Schema = Mapping[str, Any]


def main() -> None:
    TARGET.write_text(current_source(), encoding="utf-8")


def current_source() -> str:
    """Return the module as the API is now."""
    return format_source(source_of(openapi(OPERATIONS)["components"]["schemas"], ANSWERS))


def source_of(schemas: Mapping[str, Schema], roots: tuple[str, ...]) -> str:
    """Return a module with the types of some schemas and of all that they refer to."""
    names = sorted(_reachable(schemas, roots))
    return "\n\n".join([_HEAD, *(_definition(name, schemas[name]) for name in names)])


def format_source(source: str) -> str:
    """Return Python code as ruff formats it."""
    ruff = Path(sys.executable).with_name("ruff")
    command = [str(ruff), "format", "--stdin-filename", str(TARGET), "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout


def _reachable(schemas: Mapping[str, Schema], roots: tuple[str, ...]) -> set[str]:
    reached: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(_references(schemas[name]))
    return reached


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _references(each)
    elif isinstance(schema, dict):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference.removeprefix(_PREFIX)
        for each in schema.values():
            yield from _references(each)


def _definition(name: str, schema: Schema) -> str:
    """Return a dataclass, or the alias of a type."""
    if "properties" not in schema:
        return "\n".join([f"{name} = {type_of(schema)}", *_docstring(schema, "")])
    lines = ["@dataclass(frozen=True, slots=True, kw_only=True)", f"class {name}:"]
    lines += [*_docstring(schema, "    "), ""] if "description" in schema else []
    for member, of_member in schema["properties"].items():
        is_list = of_member.get("type") == "array"
        if member in schema["required"] or is_list:
            empty = "" if member in schema["required"] else " = field(default_factory=list)"
            lines.append(f"    {_field_name(member)}: {type_of(of_member)}{empty}")
            lines += _docstring(of_member, "    ")
    return "\n".join(lines)


def _field_name(member: str) -> str:
    """Return a member's name, with an underscore after a word that Python reserves."""
    return f"{member}_" if keyword.iskeyword(member) else member


def _docstring(schema: Schema, indent: str) -> list[str]:
    """Return the description as the lines of a docstring: its first paragraph."""
    if "description" not in schema:
        return []
    words = schema["description"].split("\n\n")[0]
    lines = textwrap.wrap(f'"""{words}"""', width=_WIDTH - len(indent))
    return [indent + line for line in lines]


def type_of(schema: Schema) -> str:
    """Return the type of a schema's values, as Python writes it."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_PREFIX)
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return f"Literal[{', '.join(map(repr, values))}]"
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(map(type_of, schema["anyOf"])))
    match schema.get("type"):
        case "array":
            return _array_type(schema)
        case "object":
            values = schema.get("additionalProperties")
            return f"dict[str, {type_of(values) if isinstance(values, dict) else 'Any'}]"
        case str(name):
            return _FORMATS.get(schema.get("format", ""), _SCALARS[name])
        case _:
            return "Any"


def _array_type(schema: Schema) -> str:
    if "prefixItems" in schema:
        return f"tuple[{', '.join(map(type_of, schema['prefixItems']))}]"
    return f"list[{type_of(schema.get('items', {}))}]"


if __name__ == "__main__":
    main()
