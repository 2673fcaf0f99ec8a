"""Arrays that are written by ranges of rows have the bytes of those that are written at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.data.hierarchy import Hierarchy
from features.data.parts import rows as module
from features.data.parts.rows import (
    copy_rows,
    create_rows,
    read_rows,
    scatter_rows,
    write_rows,
    write_sums,
)
from features.data.specification import FAVORITA

SHAPE = (6, 4)


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(3).normal(size=SHAPE)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.npy"
    create_rows(path, SHAPE, np.dtype(np.float64))
    return path


def test_ranges_in_any_order_make_the_file_of_the_whole(
    file: Path, tmp_path: Path, values: np.ndarray
) -> None:
    for first, stop in ((4, 6), (0, 1), (1, 4)):
        write_rows(file, first, values[first:stop])
    np.save(tmp_path / "b.npy", values)
    assert file.read_bytes() == (tmp_path / "b.npy").read_bytes()
    assert read_rows(file, slice(1, 3)).tolist() == values[1:3].tolist()


def test_rows_that_are_not_written_are_zero(file: Path) -> None:
    assert not np.load(file).any()


def test_rows_are_scattered_to_their_positions(file: Path, values: np.ndarray) -> None:
    positions = np.array([3, 5, 0, 4])
    scatter_rows(file, positions, values[:4])
    assert np.load(file)[positions].tolist() == values[:4].tolist()


def test_a_range_is_copied_to_another_array(file: Path, tmp_path: Path, values: np.ndarray) -> None:
    write_rows(file, 0, values)
    create_rows(tmp_path / "b.npy", SHAPE, np.dtype(np.float64))
    copy_rows(file, tmp_path / "b.npy", slice(2, 5))
    copied = np.load(tmp_path / "b.npy")
    assert copied[2:5].tolist() == values[2:5].tolist()
    assert not copied[[0, 1, 5]].any()


@pytest.mark.parametrize(
    ("first", "rows"),
    [
        pytest.param(5, np.zeros((2, 4)), id="beyond the last"),
        pytest.param(0, np.zeros((2, 3)), id="of other length"),
        pytest.param(0, np.zeros((2, 4), dtype=np.float32), id="of another dtype"),
    ],
)
def test_rows_that_do_not_fit_are_refused(file: Path, first: int, rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        write_rows(file, first, rows)


@pytest.mark.parametrize("block", [1, 3, 7, 1000], ids="{} rows at once".format)
def test_sums_have_the_bits_of_the_sums_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    stores = [f"{number // 5}" for number in range(60)]
    families = [f"f{number % 5}" for number in range(60)]
    places = dict.fromkeys(("city", "state", "type", "cluster"), stores)
    hierarchy = Hierarchy({"store_nbr": stores, "family": families, **places}, FAVORITA)
    bottoms = np.random.default_rng(5).lognormal(0, 9, (60, 11))
    bottoms[7, 3] = np.nan
    path = tmp_path / "sales.npy"
    create_rows(path, (len(hierarchy), 11), np.dtype(np.float64))
    write_rows(path, hierarchy.n_upper, bottoms)
    monkeypatch.setattr(module, "_BLOCK_BYTES", block * 11 * 8)
    write_sums(path, hierarchy)
    assert np.load(path).tobytes() == hierarchy.aggregate(bottoms).tobytes()
