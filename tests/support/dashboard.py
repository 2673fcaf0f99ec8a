"""A small build of the dashboard, in the form that its build tool writes."""

from __future__ import annotations

import gzip
from pathlib import Path

SCRIPT, STYLE, FONT = "app-1a2b3c4d.js", "app-5e6f7a8b.css", "text-9c0d1e2f.woff2"
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


def write_build(folder: Path) -> Path:
    """Write a build into a new folder, and return it."""
    files = folder / "static"
    files.mkdir(parents=True)
    (folder / "index.html").write_text(DOCUMENT)
    (folder / "manifest.json").write_text("{}")
    (folder / "BUILD").write_text("0" * 64)
    (files / SCRIPT).write_bytes(SCRIPT_BODY)
    (files / f"{SCRIPT}.gz").write_bytes(_compress(SCRIPT_BODY))
    (files / STYLE).write_text("main { color: rgb(1, 2, 3); }\n")
    (files / FONT).write_bytes(b"wOF2")
    return folder


def _compress(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
