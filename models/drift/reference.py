"""The reference of drift: what errors and inputs were like in training, as a file of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.drift.sequential import Cells
from models.drift.sketch import Sketches

Values = NDArray[np.float64]


@dataclass(frozen=True)
class CovariateUse:
    """Delivery and use of a covariate that is known ahead.

    Attributes:
        lead: days after the origin up to the last on which any value is known.
        known: share of the values of these days that are known.
        least: least share of values that are not 0 in `window` days, by the month of their last
            day; shape (12,), NaN for months without such days.
        window: number of days.
    """

    lead: int
    known: float
    least: Values
    window: int


@dataclass(frozen=True)
class DriftReference:
    """Distributions of daily errors and of inputs, as training has seen them.

    Attributes:
        groups: levels and single nodes above the series whose errors are tested.
        buckets: names of the spans of days ahead.
        days: number of days of the errors.
        cells: reference of each daily measure, by its name (see `models.drift.measures`).
        sketches: of the features; None where the data are too short for a single origin.
        covariates: use of each covariate that is known ahead, by its name.
    """

    groups: tuple[str, ...]
    buckets: tuple[str, ...]
    days: int
    cells: Mapping[str, Cells]
    sketches: Sketches | None
    covariates: Mapping[str, CovariateUse]

    def save(self, path: Path) -> None:
        """Write the reference so that `load` reads it back, rounded to single precision."""
        arrays: dict[str, NDArray[Any]] = {
            "groups": np.array(self.groups),
            "buckets": np.array(self.buckets),
            "days": np.array(self.days),
            "measures": np.array(tuple(self.cells), dtype=np.str_),
            "covariates": np.array(tuple(self.covariates), dtype=np.str_),
        }
        parts: dict[str, Cells | CovariateUse | Sketches] = {
            f"cells/{name}": cells for name, cells in self.cells.items()
        }
        parts |= {f"covariate/{name}": use for name, use in self.covariates.items()}
        if self.sketches is not None:
            parts["sketches"] = self.sketches
        for prefix, part in parts.items():
            for each in fields(part):
                arrays[f"{prefix}/{each.name}"] = _shrink(np.array(getattr(part, each.name)))
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a reference.

        Raises:
            ValueError, KeyError, OSError: the file does not hold one.
        """
        with np.load(path, allow_pickle=False) as arrays:

            def read(prefix: str, kind: type[Any]) -> dict[str, Any]:
                return {each.name: _widen(arrays[f"{prefix}/{each.name}"]) for each in fields(kind)}

            sketches = None
            if "sketches/names" in arrays:
                values = read("sketches", Sketches)
                sketches = Sketches(**{**values, "names": tuple(values["names"].tolist())})
            uses = {
                name: read(f"covariate/{name}", CovariateUse)
                for name in arrays["covariates"].tolist()
            }
            return cls(
                groups=tuple(arrays["groups"].tolist()),
                buckets=tuple(arrays["buckets"].tolist()),
                days=int(arrays["days"]),
                cells={
                    name: Cells(**read(f"cells/{name}", Cells))
                    for name in arrays["measures"].tolist()
                },
                sketches=sketches,
                covariates={
                    name: CovariateUse(
                        lead=int(use["lead"]),
                        known=float(use["known"]),
                        least=use["least"],
                        window=int(use["window"]),
                    )
                    for name, use in uses.items()
                },
            )


def _shrink(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.float32) if values.dtype == np.float64 else values


def _widen(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.float64) if values.dtype == np.float32 else values
