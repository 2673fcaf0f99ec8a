"""The documentation: links resolve, and tables match the code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from api.docs.reference import (
    SCOPES_HEADER,
    SCOPES_PAGE,
    SIZES_HEADER,
    SIZES_PAGE,
    replace_table,
    scope_rows,
    size_rows,
)
from api.http import pricing
from api.operations import OPERATIONS
from config.paths import ROOT
from config.tiers import TIERS
from models.explanation import MAX_ROWS
from telemetry.instruments import DECLARED
from tests.unit.test_imports import MAY_IMPORT

DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "clients").rglob("*.md")]
)
EVERY_DOCUMENT = pytest.mark.parametrize(
    "document", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in DOCUMENTS]
)

API = "reference/api.md"
LIMITS = "reference/scopes-and-limits.md"

METRIC_ROW = re.compile(r"^\| `(mlrf_\w+)` \| (.*?) ?\| ", re.MULTILINE)

_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+?) *$", re.MULTILINE)


@lru_cache
def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


@lru_cache
def anchors(document: Path) -> set[str]:
    """Return the link anchors of a page: its headings in GitHub's form."""
    text = re.sub(r"^```.*?^```", "", text_of(document), flags=re.MULTILINE | re.DOTALL)
    slugs = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(text)]
    return {slug.replace(" ", "-") for slug in slugs}


def broken_links(document: Path) -> Iterator[str]:
    for link in _LINK.findall(_CODE.sub("`code`", text_of(document))):
        if re.match(r"[a-z]+:", link):
            continue  # an external link
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@EVERY_DOCUMENT
def test_every_link_resolves(document: Path) -> None:
    assert list(broken_links(document)) == []


def test_a_broken_link_is_detected(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `head`, 2\n[a](#a-head-2) [b](#b) [c](none.md) [d](https://e)\n`[f](g)`\n")
    assert list(broken_links(page)) == ["#b", "none.md"]


# --- tables -----------------------------------------------------------------------------------


def table(page: str, first_cell: str, second_begins: str = "") -> list[list[str]]:
    """Return the rows of the table with this header, without backticks."""
    lines = text_of(ROOT / "docs" / page).split("\n")
    begin = f"| {first_cell} | {second_begins}".rstrip()
    start = next(at for at, line in enumerate(lines) if line.startswith(begin)) + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split(" |")]
        rows.append([cell.replace("`", "") for cell in cells])
    return rows


def number(cell: str) -> int:
    return int(cell.replace(",", ""))


@pytest.mark.parametrize(
    ("page", "header", "rows"),
    [
        pytest.param(SCOPES_PAGE, SCOPES_HEADER, scope_rows, id="scopes and costs"),
        pytest.param(SIZES_PAGE, SIZES_HEADER, size_rows, id="sizes of bodies"),
    ],
)
def test_every_operation_is_listed_as_it_is_declared(
    page: Path, header: str, rows: Callable[..., Any]
) -> None:
    text = text_of(page)
    assert replace_table(text, header, rows(OPERATIONS)) == text, "`make docs` writes it anew"


def test_every_tier_is_listed_with_its_limits() -> None:
    listed = {name: limits for name, *limits in table(LIMITS, "tier")}
    for name, tier in TIERS.items():
        limits = listed.pop(name)
        if tier.quota is None:
            assert limits[0] == "no limit"
        else:
            assert tuple(map(number, limits)) == (tier.quota, tier.window, tier.burst)
    assert listed == {}


def test_additional_costs_are_listed_as_charged() -> None:
    charges = dict(table(LIMITS, "part of a request"))
    (past,) = (units for part, units in charges.items() if "date of the past" in part)
    assert number(past) == pricing.PAST_ORIGIN - 1
    assert any(f"up to {MAX_ROWS} rows" in part for part in charges)
    assert any(f"full {pricing.SERIES_OF_A_UNIT} series" in part for part in charges)
    assert any(f"further {pricing.ROWS_OF_A_UNIT} rows" in part for part in charges)


def test_every_metric_is_listed() -> None:
    rows = METRIC_ROW.findall(text_of(ROOT / "docs/reference/metrics.md"))
    listed = {
        name: {*re.findall(r"`(\w+)`", re.sub(r":[^;]*", "", labels))} for name, labels in rows
    }
    assert listed == {name: {*each.labels} for name, each in DECLARED.items()}


def _dotted(path: str) -> str:
    """Return the name of the package or module that a path of the page means."""
    return re.sub(r"\.py$|/$", "", path).replace("/", ".")


def test_every_package_is_listed_with_its_allowed_imports() -> None:
    listed = {
        _dotted(package): {_dotted(other) for other in allowed.split(", ") if other}
        for package, _, allowed in table("explanation/architecture.md", "package")
    }
    assert listed == MAY_IMPORT
