"""docs/how-to/trace.md lists the spans and the attributes that the code has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from api.http.response_cache import CACHE, COMPUTATION
from config.paths import ROOT
from telemetry.stages import Stage
from tests.unit.test_imports import name_of, package_of, sources

PAGE = (ROOT / "docs" / "how-to" / "trace.md").read_text(encoding="utf-8")
REQUEST = "POST /whatif"
_ATTRIBUTE = re.compile(r'"((?:mlrf|db|http|url|server|network|error)\.[a-z_.]+)"')
_CODE = r"`([^`\n]+)`"
_OTHERS = {"http.disconnect", "http.response.body", "http.response.start", "http.request"}
"""Types of ASGI's messages."""


def rows() -> Iterator[tuple[str, str]]:
    """Yield the cells of the table: names of spans, and of their attributes."""
    table = PAGE.split("## Read a trace")[1].split("\n\n")[1]
    for line in table.splitlines()[2:]:
        names, _, attributes = line.removeprefix("|").removesuffix("|").split("|")
        yield names, attributes


def test_every_span_is_a_row() -> None:
    names = [name for cell, _ in rows() for name in re.findall(_CODE, cell)]
    runners = {"onnx_runner", "reconciler"}
    assert {*names} == {REQUEST, CACHE, COMPUTATION, *Stage, *runners, "send event"}
    assert len(names) == len({*names})


def test_every_attribute_is_on_the_page() -> None:
    served = {"api", "app", "middleware", "models", "service", "storage", "telemetry"}
    in_code = {
        attribute
        for path in sources()
        if package_of(name_of(path)).partition(".")[0] in served
        for attribute in _ATTRIBUTE.findall(path.read_text(encoding="utf-8"))
    }
    metric = {"http.server.request.duration"}
    documented = {name for name in re.findall(_CODE, PAGE) if "." in name}
    assert in_code - _OTHERS - metric - documented == set()
    of_spans = {name for _, cell in rows() for name in re.findall(_CODE, cell)}
    assert of_spans - in_code == set()
