"""docs/errors.md shows what is answered: its examples are asked for, and compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson
import pytest

from settings import ROOT
from tests.contract.conftest import Client

PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")

_LINE = re.compile(r"^`(GET|POST) (/\S*?)(?: (\{.*))?`: `(.+?)`", re.MULTILINE)
_BLOCK = re.compile(
    r"^`(GET|POST) (/\S*)` with `(\{.*\})`:\n\n```json\n(.*?)\n```", re.MULTILINE | re.DOTALL
)
_CUT = re.compile(r",\s*…\s*}")


class Example(NamedTuple):
    """A request, and members of its problem.

    Attributes:
        section: of the page, in which it stands.
    """

    section: str
    method: str
    path: str
    body: str | None
    shown: dict[str, Any]


def examples() -> Iterator[Example]:
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        name = section.partition("\n")[0]
        for method, path, body, detail in _LINE.findall(section):
            yield Example(name, method, path, body or None, {"detail": detail})
        for method, path, body, shown in _BLOCK.findall(section):
            yield Example(name, method, path, body, orjson.loads(_CUT.sub("}", shown)))


EXAMPLES = list(examples())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.section)
def test_an_example_is_what_is_answered(client: Client, example: Example) -> None:
    headers = {"Content-Type": "application/json"} if example.body else {}
    response = client.request(example.method, example.path, content=example.body, headers=headers)
    told = response.json()
    assert {name: told[name] for name in example.shown} == example.shown
    assert told["type"].endswith(f"#{example.section}")


def test_most_faults_of_a_request_have_an_example() -> None:
    """A change of how examples are written must not leave them unread."""
    assert len({example.section for example in EXAMPLES}) >= 10
