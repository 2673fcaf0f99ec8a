"""Writing examples: files, seeds, and that the tables are read without an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.paths import ROOT
from examples.writer import EXAMPLES, write_example
from tests.support.examples import SCALE, Read

every_example = pytest.mark.parametrize("name", EXAMPLES)


def write(name: str, folder: Path, *, seed: int = 1) -> dict[str, bytes]:
    """Write a small example and return the bytes of its files by name."""
    return {
        path.name: path.read_bytes() for path in write_example(name, folder, scale=SCALE, seed=seed)
    }


@every_example
def test_tables_are_read_without_an_error(name: str, read_example: Read) -> None:
    assert read_example(name).train.height > 0


@every_example
def test_the_same_seed_writes_the_same_bytes(name: str, tmp_path: Path) -> None:
    files = write(name, tmp_path / "one")
    assert files == write(name, tmp_path / "other")
    assert "retailer.yaml" in files


def test_another_seed_writes_other_sales(tmp_path: Path) -> None:
    usual, other = (write("items", tmp_path / str(seed), seed=seed) for seed in (1, 2))
    assert usual["sales.csv"] != other["sales.csv"]
    assert usual["retailer.yaml"] == other["retailer.yaml"]


def test_a_larger_scale_writes_more_series(tmp_path: Path) -> None:
    small = write_example("items", tmp_path / "small", scale=0.1)
    large = write_example("items", tmp_path / "large", scale=0.3)
    assert 2 * small[0].stat().st_size < large[0].stat().st_size


@every_example
def test_the_page_lists_every_example(name: str) -> None:
    assert f"| `{name}` |" in (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
