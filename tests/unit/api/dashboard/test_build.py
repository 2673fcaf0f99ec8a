"""A build of the dashboard as it is read from its folder."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from api.dashboard.build import is_built, read_build
from tests.support.dashboard import (
    DOCUMENT,
    FONT,
    PAGE_SCRIPT,
    PAGE_STYLE,
    PART_SCRIPT,
    SCRIPT,
    SCRIPT_BODY,
    STYLE,
    write_build,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_build(tmp_path / "dist")


def test_a_build_has_its_document_and_its_files(folder: Path) -> None:
    build = read_build(folder)
    assert build is not None
    assert build.document == DOCUMENT
    assert build.files.keys() == {SCRIPT, STYLE, FONT}
    assert build.files[SCRIPT].body == SCRIPT_BODY


def test_compressed_files_belong_to_the_file_beside_them(folder: Path) -> None:
    (folder / "static" / f"{SCRIPT}.br").write_bytes(b"brotli")
    build = read_build(folder)
    assert build is not None
    encoded = build.files[SCRIPT].encoded
    assert list(encoded) == ["br", "gzip"], "the best is the first"
    assert gzip.decompress(encoded["gzip"]) == SCRIPT_BODY
    assert build.files[STYLE].encoded == {}


def test_a_page_has_the_files_that_the_document_does_not_load(folder: Path) -> None:
    build = read_build(folder)
    assert build is not None
    assert build.page_files == {
        "compare": (PART_SCRIPT, PAGE_SCRIPT, PAGE_STYLE, "chart-1b2c3d4e.js")
    }


def test_a_build_without_a_manifest_names_no_files_of_pages(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    build = read_build(folder)
    assert build is not None
    assert build.page_files == {}


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        pytest.param("a-1.js", "text/javascript; charset=utf-8", id="script"),
        pytest.param("a-1.css", "text/css; charset=utf-8", id="style"),
        pytest.param("a-1.woff2", "font/woff2", id="font"),
        pytest.param("a-1.svg", "image/svg+xml", id="picture"),
        pytest.param("a-1.exe", "application/octet-stream", id="unknown"),
    ],
)
def test_the_suffix_decides_the_media_type(folder: Path, name: str, media_type: str) -> None:
    (folder / "static" / name).write_bytes(b"")
    build = read_build(folder)
    assert build is not None
    assert build.files[name].media_type == media_type


def test_a_folder_without_a_document_is_no_build(folder: Path, tmp_path: Path) -> None:
    (folder / "index.html").unlink()
    assert not is_built(folder)
    assert read_build(folder) is None
    assert read_build(tmp_path / "missing") is None
