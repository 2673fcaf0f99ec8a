"""Commands that read tables take a folder, or a URL, which is copied first."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.tables import location_of
from errors import InputError
from storage.remote import RemoteError
from tests.integration.conftest import bucket as bucket  # a fixture
from tests.integration.conftest import s3 as s3  # a fixture
from tests.support.remote import BUCKET, S3
from tests.unit.features.data.reading.sheets import frames, write_frames


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("tables", Path("tables")),
        ("file:///var/my%20tables", Path("/var/my tables")),
        ("s3://bucket/tables", "s3://bucket/tables"),
    ],
    ids=["path", "file", "s3"],
)
def test_a_location_is_a_folder_or_a_url(text: str, location: Path | str) -> None:
    assert location_of(text) == location


def test_a_file_url_of_another_machine_is_refused() -> None:
    with pytest.raises(InputError, match="three slashes"):
        location_of("file://var/tables")


def test_a_file_url_is_read_in_place(tmp_path: Path) -> None:
    folder = tmp_path / "my tables"
    folder.mkdir()
    write_frames(folder, frames())
    done = CliRunner().invoke(app, ["check", f"file://{quote(str(folder))}"])
    assert (done.exit_code, f"{folder} can be used" in done.output) == (0, True), done.output


def test_tables_in_a_bucket_are_checked(bucket: str, s3: S3, tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    for path in write_frames(tmp_path / "tables", frames()).iterdir():
        s3.client("s3").upload_file(str(path), BUCKET, f"shops/{path.name}")
    url = f"s3://{BUCKET}/shops"
    done = CliRunner().invoke(app, ["check", url])
    assert done.exit_code == 0, done.output
    assert "can be used: 0 errors" in done.output
    assert f"files of {url}" in done.stderr


@pytest.mark.parametrize("command", ["look", "check", "train", "refresh", "forecast", "backtest"])
def test_a_url_that_cannot_be_opened_is_named(command: str) -> None:
    done = CliRunner().invoke(app, [command, "nowhere://bucket/tables"])
    assert isinstance(done.exception, RemoteError)
    assert "nowhere://bucket/tables" in str(done.exception)
