"""Examples in docs/reference/errors.md equal the actual answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson
import pytest

from config.paths import ROOT
from tests.contract.conftest import Client

PAGE = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")

_LINE = re.compile(r"^`(GET|POST) (/\S*?)(?: (\{.*))?`: `(.+?)`", re.MULTILINE)
_BLOCK = re.compile(
    r"^`(GET|POST) (/\S*)` with `(\{.*\})`:\n\n```json\n(.*?)\n```", re.MULTILINE | re.DOTALL
)
_ELLIPSIS = re.compile(r",\s*…\s*}")


class Example(NamedTuple):
    """A documented request, and the expected members of its problem.

    Attributes:
        section: heading of the page that has it.
    """

    section: str
    method: str
    path: str
    body: str | None
    expected: dict[str, Any]


def examples() -> Iterator[Example]:
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        name = section.partition("\n")[0]
        for method, path, body, detail in _LINE.findall(section):
            yield Example(name, method, path, body or None, {"detail": detail})
        for method, path, body, expected in _BLOCK.findall(section):
            yield Example(name, method, path, body, orjson.loads(_ELLIPSIS.sub("}", expected)))


EXAMPLES = list(examples())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.section)
def test_an_example_equals_the_actual_problem(client: Client, example: Example) -> None:
    headers = {"Content-Type": "application/json"} if example.body else {}
    response = client.request(example.method, example.path, content=example.body, headers=headers)
    problem = response.json()
    assert {name: problem[name] for name in example.expected} == example.expected
    assert problem["type"].endswith(f"#{example.section}")


def test_most_faults_of_a_request_have_an_example() -> None:
    """A change of the page's format must not make the patterns miss its examples."""
    assert len({example.section for example in EXAMPLES}) >= 10
