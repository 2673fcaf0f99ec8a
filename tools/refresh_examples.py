"""Rewrite the responses shown in the documentation from those of a running server.

    make serve &                        # the demo model, without keys
    .venv/bin/python tools/refresh_examples.py http://127.0.0.1:3000

The keys of an example and the lengths of its lists stay; numbers are rounded. Text that quotes the
numbers of an example must be corrected by hand.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import httpx
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from api.docs.examples import DOCUMENTS, PAGES, Example, examples_of

_SMALL = re.compile(r"([{\[])\n\s+([^{}\[\]]{1,200}?)\n\s*([}\]])")


def main(server: str) -> None:
    for page in PAGES:
        path = DOCUMENTS / page
        text = path.read_text(encoding="utf-8")
        for example in list(examples_of(page)):
            url = server + example.url
            response = httpx.request(example.method, url, json=example.body, timeout=60)
            response.raise_for_status()
            document = update_values(example.answer, response.json())
            text = text.replace(find_block(text, example), format_json(document))
        path.write_text(text, encoding="utf-8")


def find_block(text: str, example: Example) -> str:
    """Return the text of an example's response in the page."""
    blocks: list[str] = re.findall(r"```json\n(.*?)\n```", text, flags=re.DOTALL)
    for block in blocks:
        try:
            if orjson.loads(block) == example.answer:
                return block
        except orjson.JSONDecodeError:
            continue  # a fragment of JSON, which is no example
    raise SystemExit(f"the answer of {example.url} is not in the page")


def update_values(example: Any, actual: Any) -> Any:
    """Return the actual document, reduced to the keys and list entries of the example."""
    if isinstance(example, dict):
        return {name: update_values(value, actual[name]) for name, value in example.items()}
    if isinstance(example, list):
        return [update_values(value, actual[number]) for number, value in enumerate(example)]
    if isinstance(actual, float):
        return round(actual, 4) if abs(actual) >= 1e-3 else float(f"{actual:.2g}")
    return actual


def format_json(document: Any) -> str:
    """Return indented JSON in which short flat objects and lists stand on one line."""
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
    return _SMALL.sub(lambda match: match[1] + re.sub(r"\n\s+", " ", match[2]) + match[3], text)


if __name__ == "__main__":
    main(*sys.argv[1:])
