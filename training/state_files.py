"""States of past origins for training, part by part; in files, for models of the same days.

The rows of an origin read the upper nodes, the responses that are pooled over all series, and the
series that are drawn. The first two are computed once, from one part after the other; then the
states of the parts are made one at a time, so that their memory does not grow with the number of
series. No state depends on how the series are divided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import numpy as np

from features.blocks import Rows
from features.data.series_part import Part
from features.data.snapshot import Snapshot
from features.state import PastState
from features.state_parts import Pooled, UpperPast, load_pooled, pooled_to_bytes
from storage.artifacts import staging

PART_SERIES = 2_000
"""Series of a part, whose state takes about 60 KB each while it is computed."""
_MOST_BYTES = 4 * 2**30
"""Of all files: 350 origins of 2,600 nodes. What does not fit is computed for each model."""
_MOST_SHARED_BYTES = 16 * 2**30
"""The same of a cluster: 300 origins of 8,700 nodes above the series. What does not fit is computed
by each worker."""
_MOST_CHOSEN = 0.5
"""Share of a part's series up to which their states alone are computed, and not stored."""


def training_parts(snapshot: Snapshot) -> list[Part]:
    """Return the parts whose states training computes one at a time.

    They are no smaller than the nodes above them, which each part is joined with.
    """
    return snapshot.split(max(PART_SERIES, snapshot.hierarchy.n_upper))


def count_nodes_at_once(snapshot: Snapshot) -> int:
    """Return how many nodes the largest part has, which bounds the memory of their states."""
    return min(len(snapshot.hierarchy), max(map(len, training_parts(snapshot))))


class PastStates:
    """States at origins, computed whenever they are needed."""

    def past_at(self, snapshot: Snapshot, origin: int) -> tuple[UpperPast, Pooled]:
        """Return what all parts read at an origin, with all covariates of the days ahead."""
        parts = training_parts(snapshot)
        past = UpperPast.at(snapshot, origin, parts, lead=snapshot.horizon)
        return past, past.pool(parts)

    def state_of(
        self, past: UpperPast, pooled: Pooled, part: Part, chosen: Rows | None = None
    ) -> PastState:
        """Return the state of the upper nodes and of a part; see `UpperPast.state_of`."""
        return past.state_of(part, pooled, chosen)


class StateFiles(PastStates):
    """States of one snapshot at origins, each computed once and read from its file after that.

    A training fits up to nine models, whose rows have most origins in common, and the state is
    most of what the rows of an origin cost. A file that is gone, or that cannot be written, costs
    one more computation. Other processes may use the same folder; it can be pickled.

    Args:
        folder: of the files, for one training.
        with_parts: whether to store the states of the parts too, not only what all parts read.
    """

    def __init__(
        self, folder: Path, *, with_parts: bool = True, most_bytes: int = _MOST_BYTES
    ) -> None:
        self.folder = folder
        self._with_parts = with_parts
        self._most_bytes = most_bytes
        self._is_full = False

    def shared(self) -> StateFiles:
        """Return these files for the workers of a cluster, which store what all of them read."""
        return StateFiles(self.folder.resolve(), with_parts=False, most_bytes=_MOST_SHARED_BYTES)

    def store_past(self, snapshot: Snapshot, origin: int) -> None:
        """Compute and store what all parts read at an origin, unless there is no room for it."""
        if not self._is_full and not self._upper_file(snapshot, origin).exists():
            self.past_at(snapshot, origin)

    def past_at(self, snapshot: Snapshot, origin: int) -> tuple[UpperPast, Pooled]:
        upper = self._upper_file(snapshot, origin)
        pooled = upper.with_name(f"pooled-{upper.name}")
        with suppress(FileNotFoundError):
            return UpperPast.load(snapshot, upper), load_pooled(pooled)
        computed = super().past_at(snapshot, origin)
        self._write(pooled, lambda: pooled_to_bytes(computed[1]))
        self._write(upper, computed[0].to_bytes)
        return computed

    def state_of(
        self, past: UpperPast, pooled: Pooled, part: Part, chosen: Rows | None = None
    ) -> PastState:
        if chosen is not None or not self._with_parts:
            return super().state_of(past, pooled, part, chosen)
        snapshot, origin = past.snapshot, past.common.origin
        file = self.folder / f"{snapshot.name}.{origin}.{part.start}-{part.stop}.npz"
        try:
            with np.load(file, allow_pickle=False) as arrays:
                below = PastState.of_arrays(snapshot, origin, arrays)
        except FileNotFoundError:
            below = past.state_below(part, pooled)
            self._write(file, lambda: _to_bytes(below))
        return past.join_below(below, part)

    def _upper_file(self, snapshot: Snapshot, origin: int) -> Path:
        return self.folder / f"{snapshot.name}.{origin}.npz"

    def _write(self, file: Path, make: Callable[[], bytes]) -> None:
        # a name of its own: another thread or process may write the same file
        unfinished = file.with_suffix(f".{uuid4().hex}.part")
        try:
            if self._is_full:
                return
            content = make()
            self._is_full = self._count_bytes() + len(content) > self._most_bytes
            if not self._is_full:
                unfinished.write_bytes(content)
                unfinished.rename(file)
        except OSError:  # the volume is full, or the folder was removed
            self._is_full = True
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)

    def _count_bytes(self) -> int:
        """Return the bytes of all files, also of those that other processes wrote."""
        total = 0
        for file in self.folder.iterdir():
            with suppress(FileNotFoundError):  # it was renamed meanwhile
                total += file.stat().st_size
        return total


def most_chosen(part: Part, chosen: Rows) -> Rows | None:
    """Return the chosen series of a part if they are few; None to compute the whole part."""
    return chosen if len(chosen) <= _MOST_CHOSEN * len(part) else None


@contextmanager
def state_files(parent: Path) -> Iterator[StateFiles]:
    """Yield files in a folder below `parent` that is removed at the end."""
    with staging(parent) as folder:
        yield StateFiles(folder)


def _to_bytes(state: PastState) -> bytes:
    content = BytesIO()
    np.savez(content, allow_pickle=False, **state.to_arrays())
    return content.getvalue()
