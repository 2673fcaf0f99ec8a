"""A small build of the dashboard, in the form that its build tool writes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

SCRIPT, STYLE, FONT = "app-1a2b3c4d.js", "app-5e6f7a8b.css", "text-9c0d1e2f.woff2"
PAGE_SCRIPT, PAGE_STYLE = "compare-3c4d5e6f.js", "compare-7a8b9c0d.css"
PART_SCRIPT = "shell-2b3c4d5e.js"
SCRIPT_BODY = b'document.getElementById("page").textContent = document.baseURI;\n' * 40
DOCUMENT = f"""<!doctype html>
<html lang="en">
<head><base href="./">
<meta charset="utf-8">
<title>Forecasts</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="static/{STYLE}">
<script type="module" src="static/{SCRIPT}"></script>
</head>
<body><main id="page"></main></body>
</html>
"""
MANIFEST = {
    "index.html": {
        "file": f"static/{SCRIPT}",
        "css": [f"static/{STYLE}"],
        "dynamicImports": ["src/shell.tsx"],
    },
    "src/shell.tsx": {"file": f"static/{PART_SCRIPT}", "imports": ["index.html"]},
    "_chart.js": {"file": "static/chart-1b2c3d4e.js", "imports": ["_chart.js", "index.html"]},
    "src/pages/compare/compare.tsx": {
        "file": f"static/{PAGE_SCRIPT}",
        "imports": ["index.html", "_chart.js"],
        "css": [f"static/{PAGE_STYLE}"],
    },
}


def write_build(folder: Path) -> Path:
    """Write a build into a new folder, and return it."""
    files = folder / "static"
    files.mkdir(parents=True)
    (folder / "index.html").write_text(DOCUMENT)
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    (folder / "BUILD").write_text("0" * 64)
    (files / SCRIPT).write_bytes(SCRIPT_BODY)
    (files / f"{SCRIPT}.gz").write_bytes(_compress(SCRIPT_BODY))
    (files / STYLE).write_text("main { color: rgb(1, 2, 3); }\n")
    (files / FONT).write_bytes(b"wOF2")
    return folder


def _compress(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
