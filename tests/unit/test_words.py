"""Names and docstrings are plain: words of the field, and first lines that say what a thing is."""

from __future__ import annotations

import ast
import re
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

QUESTION = re.compile(r"(?:How|What|When|Where|Whether|Which|Who|Whose)\b")
"""Beginning of a docstring that describes a thing by a question instead of a noun or a verb."""

DESCRIPTIONS_OF_THE_API = ("api/schemas/", "clients/python/mlrf_client/_models.py")
"""Modules whose docstrings are texts of the OpenAPI document, or are generated from it."""

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
            case (
                ast.ClassDef(name=name)
                | ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
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


def test_a_riddle_that_a_pattern_binds_would_be_reported() -> None:
    tree = ast.parse("match answer:\n    case [*shown]: ...\n    case given: ...\n")
    assert {name for _, name in identifiers(tree)} == {"shown", "given"}


# --- docstrings -------------------------------------------------------------------------------


def questions_of(tree: ast.Module) -> Iterator[str]:
    """Yield the first lines of docstrings that open like a question."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = (ast.get_docstring(node) or "").partition("\n")[0]
            if QUESTION.match(first):
                yield first


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_docstring_opens_like_a_question(folder: str) -> None:
    sources = {
        source.relative_to(ROOT).as_posix(): ast.parse(source.read_text(encoding="utf-8"))
        for source in sorted((ROOT / folder).rglob("*.py"))
    }
    assert [
        f"{name}: {first}"
        for name, tree in sources.items()
        if not name.startswith(DESCRIPTIONS_OF_THE_API)
        for first in questions_of(tree)
    ] == []


def test_a_docstring_like_a_question_would_be_reported() -> None:
    tree = ast.parse('class Fit:\n    """What was fitted.\n\n    More."""\n')
    assert list(questions_of(tree)) == ["What was fitted."]
