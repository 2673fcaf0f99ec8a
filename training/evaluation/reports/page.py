"""A self-contained HTML page of tables, for reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --page: #ffffff; --line: #d0d7de;
  --head: #f3f5f7; --link: #0059a3; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --page: #14181d;
  --line: #3d444d; --head: #1f252c; --link: #7cc0ff; } }
body { color: var(--ink); background: var(--page); font: 16px/1.5 system-ui, sans-serif;
  max-width: 75rem; margin: 0 auto; padding: 1rem; }
a { color: var(--link); }
.wide { overflow-x: auto; margin: 1.5rem 0; }
table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 0.3rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: 0.25rem 0.7rem; text-align: right; }
th { background: var(--head); } th:first-child, .text { text-align: left; }
figure { margin: 1.5rem 0; } figcaption { font-weight: 600; } img { max-width: 100%; height: auto; }
"""


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first column names the row.

    Invariants: every row is as long as the header.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def write_page(page: str, path: Path) -> None:
    """Write a page, and the folder that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def render_page(title: str, sections: Mapping[str, str]) -> str:
    """Render a page with sections, by their names, and links to them.

    Args:
        sections: HTML.
    """
    links = "".join(
        f'<li><a href="#part-{place}">{escape(name)}</a></li>'
        for place, name in enumerate(sections)
    )
    body = "".join(
        f'<section aria-labelledby="part-{place}"><h2 id="part-{place}">{escape(name)}</h2>'
        f"{content}</section>"
        for place, (name, content) in enumerate(sections.items())
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<header><h1>{escape(title)}</h1><nav aria-label='Parts'><ul>{links}</ul></nav></header>"
        f"<main>{body}</main></body></html>\n"
    )


def render_paragraph(text: str) -> str:
    """Render a text."""
    return f"<p>{escape(text)}</p>"


def render_table(table: Table) -> str:
    """Render a table, which scrolls by itself where the page is narrow."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.header)
    rows = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(map(_render_cell, row[1:]))}</tr>'
        for row in table.rows
    )
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{escape(table.caption)}">'
        f"<table><caption>{escape(table.caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _render_cell(text: str) -> str:
    return f"<td>{escape(text)}</td>"
