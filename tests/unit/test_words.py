"""Identifiers are words of the field: no name is a riddle for who reads the code first."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.paths import ROOT

RIDDLES = frozenset(
    (
        *("alike", "alone", "asked", "away", "begun", "believed", "dear", "found", "given"),
        *("held", "house", "kept", "lasting", "named", "nobody", "patience", "rooms", "said"),
        *("shown", "told", "whoever"),
    )
)
"""Words that say nothing of what a value is: write `payload`, `response`, `match`, `cached` …"""

FOLDERS = sorted(
    folder.name
    for folder in ROOT.iterdir()
    if folder.is_dir() and not folder.name.startswith(".") and any(folder.rglob("*.py"))
)


def identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield what a module defines, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if not name.startswith("test_"):  # a title is a sentence
                    yield node.lineno, name
            case ast.ClassDef(name=name):
                yield node.lineno, name


def riddles_of(source: Path) -> Iterator[str]:
    for line, name in identifiers(ast.parse(source.read_text(encoding="utf-8"))):
        if name != "NOT_FOUND" and RIDDLES.intersection(name.lower().split("_")):
            yield f"{source.relative_to(ROOT)}:{line}: {name}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_name_of_a_package_is_a_riddle(folder: str) -> None:
    sources = sorted((ROOT / folder).rglob("*.py"))
    assert [riddle for source in sources for riddle in riddles_of(source)] == []


def test_no_name_of_a_module_beside_the_packages_is_a_riddle() -> None:
    assert [riddle for source in sorted(ROOT.glob("*.py")) for riddle in riddles_of(source)] == []


def test_a_riddle_would_be_reported() -> None:
    tree = ast.parse("def _told(error, *, kept=1):\n    answer = error\n    self.found = kept\n")
    names = [name for _, name in identifiers(tree) if RIDDLES.intersection(name.split("_"))]
    assert sorted(names) == ["_told", "found", "kept"]
