"""States of past origins in files, for models that are trained on the same days."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from features.data.snapshot import Snapshot
from features.state import PastState, state_at
from storage.artifacts import staging

_MOST_BYTES = 4 * 2**30
"""Of all files: 350 origins of 2,600 nodes. States of more nodes are computed for each model."""


class StateFiles:
    """States of one snapshot at origins, each computed once and read from its file after that.

    A training fits up to nine models, whose rows have most origins in common, and the state is
    most of what the rows of an origin cost. A file that is gone, or that cannot be written, costs
    one more computation.

    Args:
        folder: of the files, for one training.
    """

    def __init__(self, folder: Path, *, most_bytes: int = _MOST_BYTES) -> None:
        self._folder = folder
        self._left = most_bytes

    def state_at(self, snapshot: Snapshot, origin: int) -> PastState:
        """Return the state at an origin; see `features.state.state_at`."""
        file = self._folder / f"{snapshot.name}.{origin}.npz"
        try:
            with np.load(file, allow_pickle=False) as arrays:
                return PastState.of_arrays(snapshot, origin, arrays)
        except FileNotFoundError:
            state = state_at(snapshot, origin)
            self._write(file, state)
            return state

    def _write(self, file: Path, state: PastState) -> None:
        arrays = state.to_arrays()
        size = sum(values.nbytes for values in arrays.values())
        if size > self._left:
            return
        self._left -= size
        unfinished = file.with_suffix(".part")
        try:
            with unfinished.open("wb") as opened:
                np.savez(opened, allow_pickle=False, **arrays)
            unfinished.rename(file)
        except OSError:  # the volume is full, or the folder was removed
            self._left = 0
            unfinished.unlink(missing_ok=True)


@contextmanager
def state_files(parent: Path) -> Iterator[StateFiles]:
    """Yield files in a folder below `parent` that is removed at the end."""
    with staging(parent) as folder:
        yield StateFiles(folder)
