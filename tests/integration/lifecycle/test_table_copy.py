"""Tables at a URL: only what is read is copied, whole, and nothing of the copy is left."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from errors import InputError
from features.data.findings import Report
from features.data.parts import memory
from features.data.reading.layout import STANDARD
from features.data.tables import check_tables
from lifecycle.table_copy import CopyProgress, copied_tables
from storage.remote import RemoteError
from tests.integration.conftest import bucket as bucket  # a fixture
from tests.integration.conftest import s3 as s3  # a fixture
from tests.support.remote import BUCKET, S3, running_web
from tests.unit.features.data.reading.sheets import frames, write_frames

Put = Callable[[str, bytes], None]


@pytest.fixture
def url(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a folder of tables that is empty, and an empty TMPDIR."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    return f"{bucket}/tables"


@pytest.fixture
def put(url: str, s3: S3) -> Put:
    """Write an object below the folder."""
    client, prefix = s3.client("s3"), url.removeprefix(f"s3://{BUCKET}/")

    def put(path: str, content: bytes) -> None:
        client.put_object(Bucket=BUCKET, Key=f"{prefix}/{path}", Body=content)

    return put


def put_folder(put: Put, folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            put(path.relative_to(folder).as_posix(), path.read_bytes())


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def report_of(folder: Path) -> dict[str, Any]:
    report = Report()
    check_tables(folder, STANDARD, report)
    return report.to_dict()


def split_by_store(folder: Path) -> None:
    """Replace the table of sales by a data set with a folder for each store."""
    sales = pl.read_parquet(folder / "train.parquet")
    (folder / "train.parquet").unlink()
    for (store,), rows in sales.partition_by("store_nbr", as_dict=True).items():
        path = folder / "train" / f"store_nbr={store}"
        path.mkdir(parents=True)
        rows.drop("store_nbr").write_parquet(path / "part-0.parquet")


@pytest.mark.parametrize("change", [lambda folder: None, split_by_store], ids=["files", "data set"])
def test_tables_in_a_bucket_are_read_as_those_of_a_folder(
    url: str, put: Put, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    write_frames(folder, frames())
    change(folder)
    put_folder(put, folder)
    seen: list[CopyProgress] = []
    with copied_tables(url, seen.append) as copy:
        assert files_of(copy) == files_of(folder)
        assert report_of(copy) == report_of(folder)
    assert seen[-1].done == seen[-1].total > seen[0].done == 0
    assert list((tmp_path / "scratch").iterdir()) == []


def test_only_files_that_a_reader_may_read_are_copied(url: str, put: Put) -> None:
    read = {
        "retailer.yaml",
        "shops.csv.gz",
        "sales/date=2024-01-01/a b+c%20.parquet",
        "sales/notes.txt",  # a fault of the data set, which the check reports
        "future.parquet/part.parquet",
    }
    other = {
        "README.md",
        "_SUCCESS",
        ".sales.csv",
        "sales/_delta_log/0.json",
        "older/sales.parquet",
        "test/only.csv",
    }
    for path in read | other:
        put(path, b"content")
    with copied_tables(url) as copy:
        assert files_of(copy) == read


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        ([], "does not exist"),
        (["README.md", "older/sales.parquet"], "holds no table"),
        (["sales.csv", "sales/../../a.parquet", "sales/b.parquet"], "is no path of a file"),
    ],
    ids=["nothing", "no table", "a name that leads out"],
)
def test_a_folder_without_usable_tables_is_refused(
    url: str, put: Put, paths: list[str], reason: str
) -> None:
    for path in paths:
        put(path, b"content")
    with pytest.raises(RemoteError, match=reason), copied_tables(url):
        pass


def test_an_object_that_may_not_be_read_is_named_and_nothing_is_left(
    url: str, put: Put, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("sales.csv", b"content")
    keys = s3.keys_that_may("s3:ListBucket")
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    with s3.enforcing(), pytest.raises(RemoteError, match="permission denied"), copied_tables(url):
        pass
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_copy_that_the_disk_has_no_space_for_is_refused_before_it_begins(
    url: str, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("sales.csv", b"content")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(memory.shutil, "disk_usage", lambda _: usage._replace(free=3))
    with pytest.raises(InputError, match="set TMPDIR"), copied_tables(url):
        pass


def test_a_copy_is_removed_if_what_reads_it_fails(url: str, put: Put, tmp_path: Path) -> None:
    put("sales.csv", b"content")
    with pytest.raises(ZeroDivisionError), copied_tables(url):
        raise ZeroDivisionError
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_web_server_is_refused_as_it_lists_nothing(tmp_path: Path) -> None:
    with (
        running_web(tmp_path) as web,
        pytest.raises(RemoteError, match=r"cannot be listed.*s3://"),
        copied_tables(web.url),
    ):
        pass
