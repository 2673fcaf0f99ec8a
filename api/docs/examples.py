"""Requests and answers that the documentation shows; a test compares them with the server's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson

DOCUMENTS = Path(__file__).resolve().parents[2] / "docs" / "reference"
PAGES_FOLDER = Path(__file__).resolve().parent / "pages"
PAGES = (
    "api.md",
    "api/forecast.md",
    "api/explain.md",
    "api/whatif.md",
    "api/overrides.md",
    "api/monitoring.md",
)

_EXAMPLE = re.compile(
    r"```console\n\$ curl (?P<command>[^`]*?)\n```\n\n```json\n(?P<answer>[^`]*?)\n```"
)
_TARGET = re.compile(r"http://127\.0\.0\.1:3000(?P<path>[^' ?]*)\??(?P<query>[^' ]*)")
_BODY = re.compile(r"-d '(.*)'", re.DOTALL)


class Example(NamedTuple):
    """A request and the answer that it gets; lists in the answer may be cut short."""

    method: str
    path: str
    query: str
    body: Any
    answer: Any

    @property
    def url(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


@cache
def examples() -> tuple[Example, ...]:
    """Return every example of the documentation, page by page."""
    return tuple(example for page in PAGES for example in examples_of(page))


def examples_of(page: str) -> Iterator[Example]:
    """Yield the examples of a page, in their order."""
    for match in _EXAMPLE.finditer((DOCUMENTS / page).read_text(encoding="utf-8")):
        target, body = _TARGET.search(match["command"]), _BODY.search(match["command"])
        assert target, f"{page} shows a call of no path: {match['command']}"
        yield Example(
            method="POST" if body else "GET",
            path=target["path"],
            query=target["query"],
            body=orjson.loads(body[1]) if body else None,
            answer=orjson.loads(match["answer"]),
        )
