"""Rewrites the answers that the documentation shows from those of a running server.

    make serve &                        # the demo model, without keys
    .venv/bin/python scripts/refresh_examples.py http://127.0.0.1:3000

The names that are shown stay, lists stay as long as they are, numbers are rounded. What text says
of the numbers beside an example is for a person to mend.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import httpx
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from api.examples import DOCUMENTS, PAGES, Example, examples_of

_SMALL = re.compile(r"\{\n\s+([^{}\[\]]{1,200}?)\n\s+\}")


def main(server: str) -> None:
    for page in PAGES:
        path = DOCUMENTS / page
        text = path.read_text(encoding="utf-8")
        for example in list(examples_of(page)):
            url = server + example.url
            told = httpx.request(example.method, url, json=example.body, timeout=60)
            told.raise_for_status()
            text = text.replace(block(text, example), written(like(example.answer, told.json())))
        path.write_text(text, encoding="utf-8")


def block(text: str, example: Example) -> str:
    """The answer as it stands in the page."""
    blocks: list[str] = re.findall(r"```json\n(.*?)\n```", text, flags=re.DOTALL)
    for found in blocks:
        try:
            if orjson.loads(found) == example.answer:
                return found
        except orjson.JSONDecodeError:
            continue  # a fragment, which no test replays
    raise SystemExit(f"the answer of {example.url} is not found")


def like(shown: Any, told: Any) -> Any:
    """What is told, with the names and as many entries as are shown."""
    if isinstance(shown, dict):
        return {name: like(value, told[name]) for name, value in shown.items()}
    if isinstance(shown, list):
        return [like(value, told[number]) for number, value in enumerate(shown)]
    if isinstance(told, float):
        return round(told, 4) if abs(told) >= 1e-3 else float(f"{told:.2g}")
    return told


def written(answer: Any) -> str:
    """Indented, but for objects that fit into a line."""
    text = orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode()
    return _SMALL.sub(lambda small: "{" + re.sub(r"\n\s+", " ", small[1]) + "}", text)


if __name__ == "__main__":
    main(*sys.argv[1:])
