"""Parts of the bottom series, so that memory does not grow with their number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """Consecutive bottom series, of whole sites.

    Attributes:
        start: number of the first bottom series.
        stop: number after the last.
    """

    start: int
    stop: int

    @property
    def bottoms(self) -> slice:
        """The bottom series, as a slice of the bottoms."""
        return slice(self.start, self.stop)

    def nodes(self, n_upper: int) -> slice:
        """Return the same series as a slice of the nodes."""
        return slice(n_upper + self.start, n_upper + self.stop)

    def __len__(self) -> int:
        return self.stop - self.start
