"""Uploads: what is left behind, and what is removed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lifecycle.sources import Sources
from lifecycle.uploads import (
    STALE_SECONDS,
    SourceExistsError,
    TooLargeUploadError,
    UnknownSourceError,
    Uploads,
)


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(Sources(tmp_path), max_bytes=100)


def upload(uploads: Uploads, name: str, file: str = "train.csv", content: bytes = b"x") -> None:
    writer = uploads.begin(name, file)
    writer.write(content)
    writer.finish()


def test_an_abandoned_file_leaves_nothing(uploads: Uploads, tmp_path: Path) -> None:
    writer = uploads.begin("june", "train.csv")
    with pytest.raises(TooLargeUploadError):
        writer.write(b"x" * 101)
    writer.abandon()
    assert list(uploads.folder.iterdir()) == []


def test_an_abandoned_file_leaves_the_others(uploads: Uploads) -> None:
    upload(uploads, "june", "oil.csv")
    uploads.begin("june", "train.csv").abandon()
    assert [path.name for path in (uploads.folder / "june").iterdir()] == ["oil.csv"]


def test_no_file_is_added_to_an_upload_that_is_being_checked(uploads: Uploads) -> None:
    """Otherwise tables could become a source that nobody has checked."""
    upload(uploads, "june")
    pending = uploads.begin("june", "oil.csv")
    with uploads.checking("june", "0123") as folder:
        with pytest.raises(SourceExistsError, match="being checked"):
            uploads.begin("june", "stores.csv")
        with pytest.raises(FileNotFoundError):
            pending.finish()
        assert [path.name for path in folder.iterdir()] == ["train.csv"]
    assert [file.name for file in uploads.all()[0].files] == ["train.csv"], "it is an upload again"


def test_a_published_upload_is_a_source_with_its_author(uploads: Uploads, tmp_path: Path) -> None:
    upload(uploads, "june")
    with uploads.checking("june", "0123") as folder:
        uploads.publish(folder, "june", by="anna")
    (source,) = uploads.all()
    assert (source.name, source.by, source.staged) == ("june", "anna", False)
    assert [file.name for file in source.files] == ["train.csv"]
    assert Sources(tmp_path).check("june") == tmp_path / "june"
    uploads.delete("june")
    assert uploads.all() == []


def test_a_source_of_the_operator_is_not_replaced(uploads: Uploads, tmp_path: Path) -> None:
    """One that appears while the check runs is not, either."""
    upload(uploads, "june")
    with uploads.checking("june", "0123") as folder:
        (tmp_path / "june").mkdir()
        with pytest.raises(SourceExistsError):
            uploads.publish(folder, "june", by="anna")
    assert list((tmp_path / "june").iterdir()) == []
    uploads.delete("june")  # the upload
    with pytest.raises(UnknownSourceError, match="its operator removes it"):
        uploads.delete("june")


def test_what_a_killed_check_has_left_is_an_upload_again(uploads: Uploads) -> None:
    """That of a check that runs is left alone."""
    for name, job in (("killed", "01"), ("running", "02")):
        upload(uploads, name)
        (uploads.folder / name).rename(uploads.folder / f".check-{name}-{job}")
    uploads.sweep(running={"02"})
    assert [each.name for each in uploads.all()] == ["killed"]
    assert (uploads.folder / ".check-running-02").is_dir()


def test_what_nobody_finishes_is_removed_after_a_day(uploads: Uploads) -> None:
    for name in ("old", "young"):
        upload(uploads, name)
    long_ago = time.time() - STALE_SECONDS - 60
    for path in (uploads.folder / "old", uploads.folder / "old" / "train.csv"):
        os.utime(path, (long_ago, long_ago))
    uploads.sweep()
    assert [path.name for path in uploads.folder.iterdir()] == ["young"]


def test_the_removal_of_what_was_never_there_is_nothing(uploads: Uploads) -> None:
    uploads.sweep()
    assert uploads.all() == []
