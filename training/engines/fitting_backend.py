"""Fitting backends: the interface, and the backend of one machine.

The other backend is `training.engines.dask_backend`. All steps besides rows and trees (contract,
blend, rounding, export, calibration) are common to both and lie outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from features.matrix import MatrixBuilder
from training.fit import fit
from training.recipe import Recipe
from training.sampling import training_rows
from training.state_files import StateFiles

if TYPE_CHECKING:
    from training.progress import Clock

SAMPLE_ROWS = 256
"""Rows of the training matrix that become golden rows of the bundle, for each segment."""


@dataclass(frozen=True)
class FittedMembers:
    """Result of a backend.

    Attributes:
        boosters: of the members of all segments, by name; the score of each is log1p units less
            the offset.
        sample: rows they were fitted on, at most `SAMPLE_ROWS` of each segment; shape
            (n, features), float32.
        count: of all rows that they were fitted on.
    """

    boosters: Mapping[str, lgb.Booster]
    sample: NDArray[np.float32]
    count: int


class FittingBackend(Protocol):
    """Interface that makes the rows of a recipe and fits its members."""

    @property
    def name(self) -> str:
        """Name in the record of a build."""

    def fit(
        self,
        builder: MatrixBuilder,
        recipe: Recipe,
        *,
        last_target: int,
        clock: Clock,
        states: StateFiles | None = None,
    ) -> FittedMembers:
        """Fit the members of all segments on targets no later than `last_target`.

        Args:
            states: in files, for a training of several models; by default of this one alone.

        Raises:
            TooLittleHistoryError: there is not enough for a single row.
        """


@dataclass(frozen=True)
class LocalBackend:
    """Backend that fits in this process, on several threads."""

    threads: int
    name: str = "local"

    def fit(
        self,
        builder: MatrixBuilder,
        recipe: Recipe,
        *,
        last_target: int,
        clock: Clock,
        states: StateFiles | None = None,
    ) -> FittedMembers:
        advance = clock.reporter.advance
        with clock.step("make rows"):
            rows = training_rows(
                builder,
                recipe,
                last_target=last_target,
                states=states,
                threads=self.threads,
                progress=advance,
            )
        sample = [sample_evenly(each.rows, SAMPLE_ROWS) for each in rows]
        count = sum(len(each.rows) for each in rows)
        boosters: dict[str, lgb.Booster] = {}
        for segment in recipe.segments:
            with clock.step("fit"):
                boosters |= fit(
                    rows.pop(0),  # is not needed beside the rows of the next segment
                    segment,
                    builder.contract.relative_columns,
                    seed=recipe.seed,
                    threads=self.threads,
                    progress=advance,
                )
        return FittedMembers(boosters, np.concatenate(sample), count)


def sample_evenly(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return at most `count` evenly spaced rows, so that all kinds of covariates occur."""
    sample: NDArray[np.float32] = rows[even_positions(len(rows), count)]
    return sample


def even_positions(total: int, count: int) -> NDArray[np.int64]:
    """Return at most `count` evenly spaced positions of `total`; shape (n,)."""
    return np.linspace(0, total - 1, min(count, total)).astype(np.int64)
