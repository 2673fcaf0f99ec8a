"""Files at a URL, in a folder, in a store that speaks S3, and behind a web server."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from storage.remote import RemoteEntry, RemoteError, RemoteFolder, RemoteMissingError
from tests.support.remote import S3, running_web

NAME = "snapshots/x/covariate-garten%20m%C3%B6bel.npy"
CONTENT = bytes(range(256)) * 5000


@pytest.fixture(params=["file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty folder that can be written."""
    if request.param == "file":
        return f"file://{tmp_path}/remote"
    bucket: str = request.getfixturevalue("bucket")
    return bucket


def test_what_is_written_is_read(url: str, tmp_path: Path) -> None:
    (tmp_path / "local").write_bytes(CONTENT)
    RemoteFolder(url).upload(tmp_path / "local", NAME)
    RemoteFolder(url).download(NAME, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == CONTENT


def test_a_small_file_is_replaced_as_a_whole(url: str) -> None:
    folder = RemoteFolder(f"{url}/")
    folder.write("CURRENT", b"bundle=a long name\n")
    folder.write("CURRENT", b"bundle=b\n")
    assert folder.read("CURRENT", 4096) == b"bundle=b\n"


def test_a_file_that_is_too_large_is_not_read(url: str) -> None:
    folder = RemoteFolder(url)
    folder.write("CURRENT", b"x" * 5000)
    with pytest.raises(RemoteError, match=f"{url}/CURRENT is larger than 4,096 bytes"):
        folder.read("CURRENT", 4096)


def test_a_full_disk_is_named_as_the_reason(url: str, tmp_path: Path) -> None:
    (tmp_path / "local").write_bytes(CONTENT)
    RemoteFolder(url).upload(tmp_path / "local", NAME)
    with pytest.raises(RemoteError, match="cannot be read: the disk is full"):
        RemoteFolder(url).download(NAME, Path("/dev/full"))


def test_the_files_of_a_folder_are_listed_with_their_sizes(url: str) -> None:
    folder = RemoteFolder(url)
    folder.write("tables/sales.csv", b"12345")
    folder.write("tables/train/a=1/b.parquet", b"123")
    assert folder.list_folder("tables") == [
        RemoteEntry("tables/sales.csv", 5),
        RemoteEntry("tables/train", None),
    ]
    assert folder.list_folder("tables/train", below=True) == [
        RemoteEntry("tables/train/a=1/b.parquet", 3)
    ]


def test_a_missing_file_is_named(url: str) -> None:
    with pytest.raises(RemoteMissingError, match=f"{url}/CURRENT does not exist"):
        RemoteFolder(url).read("CURRENT", 4096)


def test_names_are_escaped_in_the_address_of_a_web_server(tmp_path: Path) -> None:
    file = tmp_path / "web" / NAME
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    with running_web(tmp_path / "web") as web:
        RemoteFolder(web.url).download(NAME, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == CONTENT
        assert RemoteFolder(web.url).read(NAME, len(CONTENT)) == CONTENT


def test_nothing_is_written_through_a_web_server(tmp_path: Path) -> None:
    with running_web(tmp_path) as web, pytest.raises(RemoteError, match="can only be read"):
        RemoteFolder(web.url).write("CURRENT", b"")


def test_a_right_that_is_missing_is_named(
    s3: S3, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    RemoteFolder(bucket).write("CURRENT", b"bundle=b\n")
    for name, value in s3.keys_that_may("s3:GetObject").items():
        monkeypatch.setenv(name, value)
    with s3.enforcing():
        assert RemoteFolder(bucket).read("CURRENT", 4096) == b"bundle=b\n"
        with pytest.raises(RemoteError, match="cannot be written: permission denied"):
            RemoteFolder(bucket).write("CURRENT", b"")


@pytest.mark.parametrize("url", ["s3://releases/x", "http://127.0.0.1:9/x"], ids=["s3", "http"])
def test_a_server_that_does_not_answer_is_named(
    url: str, monkeypatch: pytest.MonkeyPatch, s3: S3
) -> None:
    for name, value in {**s3.variables, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RemoteError, match=f"{url}/CURRENT cannot be read: .*Check the URL"):
        RemoteFolder(url).read("CURRENT", 4096)


@pytest.mark.parametrize(
    ("scheme", "package", "extra"), [("s3", "s3fs", "s3"), ("gs", "gcsfs", "gcs")]
)
def test_a_client_that_is_not_installed_is_named_with_its_extra(
    scheme: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    # a client that was loaded already is not imported again
    monkeypatch.delitem(importlib.import_module("fsspec.registry")._registry, scheme, raising=False)
    with pytest.raises(RemoteError, match=rf"needs the extra `{extra}`"):
        RemoteFolder(f"{scheme}://releases/x")
