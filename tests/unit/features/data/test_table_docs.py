"""docs/reference/tables.md lists every code of a finding."""

from __future__ import annotations

import re

from config.paths import ROOT

_MADE = re.compile(
    r"(?:Fault\(|_error\(|refuse\(|mark\([^\"()]*(?:\([^()]*\)[^\"()]*)*|Severity\.(?:ERROR|WARNING),|"
    r"code, message = |code = )\s*\"([a-z-]+)\"|^_?[A-Z]+ = \"([a-z]+-rows)\"",
    re.MULTILINE,
)


def codes_of_the_source() -> set[str]:
    folder = ROOT / "features" / "data"
    paths = [*folder.glob("reading/*.py"), *folder.glob("checks/*.py"), folder / "tables.py"]
    texts = [path.read_text(encoding="utf-8") for path in paths]
    return {code for text in texts for pair in _MADE.findall(text) for code in pair if code}


def test_every_code_is_in_the_documentation() -> None:
    page = (ROOT / "docs" / "reference" / "tables.md").read_text(encoding="utf-8")
    codes = codes_of_the_source()
    assert len(codes) > 35, "the pattern finds them"
    assert {code for code in codes if f"`{code}`" not in page} == set()
