"""The built dashboard, read from its folder once.

Imports the standard library only: `tools/build_dashboard.py`, which writes the folder before
anything else may be installed, imports this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from config.paths import ROOT

FOLDER = ROOT / "dashboard" / "dist"
INDEX = "index.html"
"""The document. It is the same for all pages: a script in it shows the one of the address."""

MANIFEST = "manifest.json"
"""What each page and each script imports, as vite writes it."""

FILES = "static"
"""The folder of scripts, styles, fonts and pictures. Their names contain a hash of their content,
so a name stands for the same bytes forever."""

BASE = '<base href="./">'
"""The element of the document that its links are relative to; the server sets its address."""

SUFFIXES = {"br": ".br", "gzip": ".gz"}
"""Suffixes of compressed files, which lie beside their originals, by content coding; best first."""

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
"""Media types by suffix. Those of the operating system would differ from machine to machine."""

_UNKNOWN_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class BuiltFile:
    """One file of a build.

    Attributes:
        body: its bytes.
        encoded: the same in the content codings that it was compressed with.
    """

    media_type: str
    body: bytes
    encoded: Mapping[str, bytes]


@dataclass(frozen=True)
class Build:
    """A built dashboard.

    Attributes:
        document: with `BASE` in it.
        files: by name.
        page_files: names of the scripts and styles that a page loads beside those that the document
            names, by the page's name: those of the parts that its script loads one by one, then
            those of the page itself.
    """

    document: str
    files: Mapping[str, BuiltFile]
    page_files: Mapping[str, tuple[str, ...]]


def is_built(folder: Path) -> bool:
    """Return whether a folder contains a build."""
    return (folder / INDEX).is_file()


def read_build(folder: Path) -> Build | None:
    """Read a build into memory; return None if the folder contains none.

    A running server keeps what it has read: a new build is served from the next start on.
    """
    if not is_built(folder):
        return None
    paths = [path for path in (folder / FILES).glob("*") if path.is_file()]
    originals = [path for path in paths if path.suffix not in SUFFIXES.values()]
    return Build(
        (folder / INDEX).read_text(encoding="utf-8"),
        {each.name: _read(each) for each in originals},
        _read_page_files(folder / MANIFEST),
    )


def _read_page_files(path: Path) -> dict[str, tuple[str, ...]]:
    if not path.is_file():  # pages find their files themselves, only later
        return {}
    chunks = json.loads(path.read_bytes())
    of_document = set(_files_of(chunks, INDEX))
    parts = chunks[INDEX].get("dynamicImports", ()) if INDEX in chunks else ()
    pages = (key for key in chunks if PurePosixPath(key).match("src/pages/*/*"))
    return {
        PurePosixPath(page).parent.name: tuple(
            name
            for name in dict.fromkeys(
                name for key in (*parts, page) for name in _files_of(chunks, key)
            )
            if name not in of_document
        )
        for page in pages
    }


def _files_of(
    chunks: dict[str, Any], key: str, seen: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Yield the names of a chunk's files, then those of the chunks that it imports."""
    if key in seen:  # chunks may import each other
        return
    chunk = chunks[key]
    for file in (chunk["file"], *chunk.get("css", ())):
        yield PurePosixPath(file).name
    for other in chunk.get("imports", ()):
        yield from _files_of(chunks, other, seen | {key})


def _read(path: Path) -> BuiltFile:
    beside = {coding: path.with_name(path.name + suffix) for coding, suffix in SUFFIXES.items()}
    return BuiltFile(
        MEDIA_TYPES.get(path.suffix, _UNKNOWN_TYPE),
        path.read_bytes(),
        {coding: other.read_bytes() for coding, other in beside.items() if other.is_file()},
    )
