"""Arrays in ``.npy`` files that are written by ranges of rows, in any order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from scipy import sparse

from features.data.hierarchy import Hierarchy

_BLOCK_BYTES = 32 * 2**20
"""Bytes that are read at once."""


def create_rows(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Create a file of zeros, which takes no space until its rows are written."""
    with path.open("wb") as file:
        header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(file, header)
        file.truncate(file.tell() + int(np.prod(shape)) * dtype.itemsize)


def write_rows(path: Path, first: int, rows: NDArray[Any]) -> None:
    """Write rows from the given one on."""
    with path.open("r+b") as file:
        shape, dtype, begin = _read_header(file)
        if rows.dtype != dtype or rows.shape[1:] != shape[1:] or first + len(rows) > shape[0]:
            raise ValueError(f"rows {rows.shape} of {rows.dtype} do not fit into {path.name}")
        file.seek(begin + first * _row_bytes(shape, dtype))
        np.ascontiguousarray(rows).tofile(file)


def scatter_rows(path: Path, positions: NDArray[np.intp], rows: NDArray[Any]) -> None:
    """Write each row to a position of its own."""
    order = np.argsort(positions)
    for run in np.split(order, np.flatnonzero(np.diff(positions[order]) != 1) + 1):
        write_rows(path, int(positions[run[0]]), rows[run])


def read_rows(path: Path, rows: slice) -> NDArray[Any]:
    """Return a range of rows."""
    with path.open("rb") as file:
        shape, dtype, begin = _read_header(file)
        first, stop, _ = rows.indices(shape[0])
        file.seek(begin + first * _row_bytes(shape, dtype))
        count = (stop - first) * int(np.prod(shape[1:]))
        return np.fromfile(file, dtype, count).reshape(stop - first, *shape[1:])


def copy_rows(source: Path, target: Path, rows: slice) -> None:
    """Copy a range of rows to the same place of another array."""
    for block in _blocks(source, rows.start, rows.stop):
        write_rows(target, block.start, read_rows(source, block))


def write_sums(path: Path, hierarchy: Hierarchy) -> None:
    """Add up the rows of the bottom series to those of the nodes above, which come first.

    The sums have the bits of `Hierarchy.aggregate`, however the bottoms are cut: to the sum of the
    bottoms before, those of a block are added one by one in their order. A sum of sums of blocks
    would be rounded otherwise.
    """
    n_upper = hierarchy.n_upper
    with path.open("rb") as file:
        shape, dtype, _ = _read_header(file)
    upper = np.zeros((n_upper, *shape[1:]), dtype=dtype)
    summing = hierarchy.summing[:n_upper].tocsc()
    for block in _blocks(path, n_upper, shape[0]):
        of_block = summing[:, block.start - n_upper : block.stop - n_upper].tocsr()
        nodes = np.flatnonzero(np.diff(of_block.indptr))
        # an identity in front carries the sums so far into the first addition of each node
        carry = sparse.hstack([sparse.identity(len(nodes), format="csr"), of_block[nodes]])
        upper[nodes] = carry.tocsr() @ np.concatenate((upper[nodes], read_rows(path, block)))
    write_rows(path, 0, upper)


def _blocks(path: Path, first: int, stop: int) -> Iterator[slice]:
    """Yield ranges of rows that are read at once."""
    with path.open("rb") as file:
        shape, dtype, _ = _read_header(file)
    length = max(_BLOCK_BYTES // _row_bytes(shape, dtype), 1)
    for begin in range(first, stop, length):
        yield slice(begin, min(begin + length, stop))


def _read_header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Return the shape and the dtype of an array, and where its first row begins."""
    npy.read_magic(file)
    shape, _, dtype = npy.read_array_header_1_0(file)
    return shape, dtype, file.tell()


def _row_bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return int(np.prod(shape[1:])) * dtype.itemsize
