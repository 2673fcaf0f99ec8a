"""Sources: which folders a job may read."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifecycle.sources import InvalidSourceError, Sources


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name in ("may", "june", "deep/july", ".hidden", "deep/.hidden"):
        (folder / name).mkdir(parents=True)
    (folder / "file").touch()
    return folder


@pytest.mark.parametrize("source", ["may", "deep/july"])
def test_a_folder_below_the_data_is_a_source(data: Path, source: str) -> None:
    assert Sources(data).check(source) == data / source


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("", id="nothing"),
        pytest.param(".", id="the data folder"),
        pytest.param("..", id="above it"),
        pytest.param("may/../../secret", id="up from a folder"),
        pytest.param("may/../june", id="up and down"),
        pytest.param("/etc", id="absolute"),
        pytest.param("//etc", id="absolute twice"),
        pytest.param("./may", id="a dot"),
        pytest.param("may/", id="a slash too many"),
        pytest.param("deep//july", id="a slash amid"),
        pytest.param("..\\secret", id="backslash"),
        pytest.param("may\0", id="NUL"),
        pytest.param("\ud800", id="not a text"),
        pytest.param("m" * 5000, id="too long"),
        pytest.param(".hidden", id="hidden"),
        pytest.param("deep/.hidden", id="below, hidden"),
        pytest.param("august", id="missing"),
        pytest.param("file", id="a file"),
        pytest.param("out", id="a link out"),
        pytest.param("out/secret", id="through a link out"),
        pytest.param("holding", id="a table that is a link out"),
        pytest.param("parts", id="a part that is a link out"),
        pytest.param("circle", id="a link to itself"),
    ],
)
def test_any_other_source_is_refused(data: Path, tmp_path: Path, source: str) -> None:
    (tmp_path / "outside" / "secret").mkdir(parents=True)
    (data / "out").symlink_to(tmp_path / "outside")
    (data / "circle").symlink_to(data / "circle")
    (data / "holding").mkdir()
    (data / "holding" / "train.csv").symlink_to("/etc/passwd")
    (data / "parts" / "train.parquet" / "day=1").mkdir(parents=True)
    (data / "parts" / "train.parquet" / "day=1" / "a.parquet").symlink_to("/etc/passwd")
    with pytest.raises(InvalidSourceError) as refused:
        Sources(data).check(source)
    assert "'june', 'may'" in str(refused.value)
    assert str(tmp_path) not in str(refused.value)


def test_a_link_within_the_data_is_a_source(data: Path) -> None:
    """Mounted volumes contain such links."""
    (data / "newest").symlink_to(data / "june")
    assert Sources(data).check("newest") == data / "june"


def test_existing_folders_are_listed(data: Path) -> None:
    assert Sources(data).names() == ["deep", "june", "may"]
    assert Sources(data / "none").names() == []
