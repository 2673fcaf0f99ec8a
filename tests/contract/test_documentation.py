"""docs/api.md shows requests that work, and answers of the shape that they have."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from settings import ROOT

_EXAMPLE = re.compile(
    r"```console\n\$ curl (?P<command>[^`]*?)\n```\n\n```json\n(?P<answer>[^`]*?)\n```"
)
_URL = re.compile(r"http://127\.0\.0\.1:3000(?P<path>[^' ]*)")
EXAMPLES = list(_EXAMPLE.finditer((ROOT / "docs" / "api.md").read_text(encoding="utf-8")))


def path_of(example: re.Match[str]) -> str:
    found = _URL.search(example["command"])
    assert found
    return found["path"]


def assert_same_shape(shown: Any, told: Any, at: str) -> None:
    """The same names and kinds of values; lists, and what is told by level, may be cut short."""
    if isinstance(shown, dict):
        assert shown.keys() == told.keys() or (".levels" in at and shown.keys() < told.keys()), at
        for name, value in shown.items():
            assert_same_shape(value, told[name], f"{at}.{name}")
    elif isinstance(shown, list):
        assert isinstance(told, list), at
        for number, value in enumerate(shown):
            assert_same_shape(value, told[number], f"{at}[{number}]")
    elif shown is not None and told is not None:
        number = isinstance(shown, int | float) and isinstance(told, int | float)
        assert number or isinstance(told, type(shown)), f"{at}: {shown!r} and {told!r}"


def test_every_call_with_an_answer_is_shown() -> None:
    assert len(EXAMPLES) >= 10


@pytest.mark.parametrize("example", EXAMPLES, ids=path_of)
def test_an_example_is_true(client: Any, example: re.Match[str]) -> None:
    body = re.search(r"-d '(.*)'", example["command"], re.DOTALL)
    if body:
        response = client.request("POST", path_of(example), json=json.loads(body[1]))
    else:
        response = client.request("GET", path_of(example))
    assert response.status_code == 200, response.text
    assert_same_shape(json.loads(example["answer"]), response.json(), path_of(example))
