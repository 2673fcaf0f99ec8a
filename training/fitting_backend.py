"""Where a segment is fitted: the interface, and the way of one machine.

The other way is `training.dask_backend`. All that is not rows and trees (contract, blend,
rounding, export, calibration) is the same for both and lies outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from features.matrix import MatrixBuilder
from training.fit import fit
from training.recipe import Recipe, Segment
from training.sampling import training_rows

if TYPE_CHECKING:
    from training.clock import Clock

SAMPLE_ROWS = 256
"""Rows of the training matrix that a bundle keeps as its golden rows, for each segment."""


@dataclass(frozen=True)
class FittedSegment:
    """What an engine hands back.

    Attributes:
        boosters: of the members, in order; the score of each is log1p units.
        sample: rows it was fitted on, at most `SAMPLE_ROWS`; shape (n, features), float32.
    """

    boosters: tuple[lgb.Booster, ...]
    sample: NDArray[np.float32]


class FittingBackend(Protocol):
    """Makes a segment's rows and fits its members."""

    @property
    def name(self) -> str:
        """What the record of a build calls it."""

    def fit(
        self,
        builder: MatrixBuilder,
        recipe: Recipe,
        segment: Segment,
        *,
        last_target: int,
        clock: Clock,
    ) -> FittedSegment:
        """Fit a segment on targets no later than `last_target`.

        Raises:
            TooLittleHistoryError: there is not enough for a single row.
        """


@dataclass(frozen=True)
class LocalBackend:
    """All rows in this process, which fits on some threads."""

    threads: int
    name: str = "local"

    def fit(
        self,
        builder: MatrixBuilder,
        recipe: Recipe,
        segment: Segment,
        *,
        last_target: int,
        clock: Clock,
    ) -> FittedSegment:
        advance = clock.reporter.advance
        with clock.step("make rows"):
            rows = training_rows(
                builder,
                recipe,
                segment,
                last_target=last_target,
                threads=self.threads,
                progress=advance,
            )
        with clock.step("fit"):
            boosters = fit(rows, segment, seed=recipe.seed, threads=self.threads, progress=advance)
        return FittedSegment(tuple(boosters), evenly_spaced(rows.rows, SAMPLE_ROWS))


def evenly_spaced(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """At most `count` rows, evenly over all: planned, hidden and missing covariates all occur."""
    chosen = np.linspace(0, len(rows) - 1, min(count, len(rows)))
    sample: NDArray[np.float32] = rows[chosen.astype(int)]
    return sample
