"""Our reconciliation against hierarchicalforecast's: the same nodes, days and variances.

Ours is `models.reconciliation.Reconciliation` with variances for all nodes: the projection of
weighted least squares, and then the removal of negative values. Its factor is made when a bundle
is loaded, and times are given with it and without.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from features.hierarchy import Hierarchy
from load.library import reconciliation_ways, synthetic
from load.library.memory import MIB
from load.library.processes import told
from load.library.reconciliation_ways import (
    BY_VARIANCE,
    DENSE,
    OURS,
    SPARSE,
    SPARSE_NON_NEGATIVE,
    STRUCTURAL,
    Measured,
)
from load.library.subject import Advance
from load.record import Cell, Table

Values = NDArray[np.float64]

SAME = 1e-10
"""Largest difference from the dense method, as a share of the largest value."""
ROUGHLY_SAME = 1e-3
"""The same of the sparse method, which iterates until it is near enough."""
_NAMES = {
    OURS: "ours",
    DENSE: "MinTrace",
    SPARSE: "MinTraceSparse",
    SPARSE_NON_NEGATIVE: "MinTraceSparse, non-negative",
}


@dataclass(frozen=True)
class Case:
    """Base forecasts, their weights, and the ways that are compared on them."""

    id: str
    weighted: str
    noise: float
    ways: tuple[str, ...]
    weights: str = BY_VARIANCE


CASES = (
    Case("reconciliation", "by the variances of their errors", 0.02, (OURS, DENSE, SPARSE)),
    Case(
        "structural", "by their numbers of bottoms", 1e-4, (OURS, DENSE, SPARSE), weights=STRUCTURAL
    ),
    Case("non-negative", "by the variances of their errors", 0.6, (OURS, SPARSE_NON_NEGATIVE)),
)


def tables(
    advance: Advance,
    *,
    stores: int = synthetic.STORES,
    families: int = synthetic.FAMILIES,
    days: int = 90,
    rounds: int = 3,
) -> list[Table]:
    """Seconds and memory of each way, and how far its result is from ours.

    Raises:
        AssertionError: the results differ by more than `SAME` or `ROUGHLY_SAME`.
    """
    hierarchy = synthetic.hierarchy_of(stores, families)
    found = []
    for case in CASES:
        base, variances = synthetic.base_forecasts(hierarchy, days, case.noise)
        if case.weights == STRUCTURAL:
            variances = np.asarray(hierarchy.summing.sum(axis=1), dtype=np.float64).ravel()
        with TemporaryDirectory(prefix="mlrf-load-") as scratch:
            inputs = Path(scratch) / "inputs.npz"
            np.savez(inputs, stores=stores, families=families, variances=variances, base=base)
            measured = _measured(case, inputs, rounds, advance)
            results = {way: np.load(inputs.with_name(f"{way}.npy")) for way in case.ways}
        if SPARSE_NON_NEGATIVE not in case.ways:  # which finds another point than ours
            check(results)
        found.append(_table(case, measured, results, base, variances, hierarchy))
    return found


def check(results: dict[str, Values]) -> None:
    """Raises AssertionError where another way than ours finds other numbers."""
    for way, values in results.items():
        allowed = ROUGHLY_SAME if way == SPARSE else SAME
        off = difference(values, results[OURS])
        assert off <= allowed, f"{_NAMES[way]} differs by {off:.2g} of the largest value"


def difference(values: Values, other: Values) -> float:
    """Largest difference as a share of the largest value."""
    return float(np.abs(values - other).max() / np.abs(other).max())


def _measured(case: Case, inputs: Path, rounds: int, advance: Advance) -> dict[str, list[Measured]]:
    """Each way in a process of its own, in turns."""
    measured: dict[str, list[Measured]] = {way: [] for way in case.ways}
    for _ in range(rounds):  # a process warms up by the call whose memory is measured
        for way in case.ways:
            output = inputs.with_name(f"{way}.npy")
            one = told(reconciliation_ways.__name__, way, case.weights, str(inputs), str(output))
            measured[way].append(Measured(**one))
            advance(f"{case.id}: {_NAMES[way]}")
    return measured


def _table(
    case: Case,
    measured: dict[str, list[Measured]],
    results: dict[str, Values],
    base: Values,
    variances: Values,
    hierarchy: Hierarchy,
) -> Table:
    nodes, days = base.shape
    share = float((results[OURS][hierarchy.n_upper :] == 0).mean())
    which = f"{share:.1%} of the bottom values are zero afterwards" if share else "none is negative"
    return Table(
        id=case.id,
        caption=f"{nodes:,} nodes × {days} days, weighted {case.weighted}; {which}. "
        f"Medians of {len(measured[OURS])} processes each, of one thread. What ours sets up is "
        "made once a bundle; memory is what set-up and one set of forecasts take at their peak, "
        "beside their inputs. Distance is the weighted square of what the base forecasts are moved "
        "by.",
        columns=(
            *("way", "set-up ms", "each ms", "both ms"),
            *("each / ours", "both / ours", "MiB", "ours / memory"),
            *("largest difference", "distance / ours"),
        ),
        rows=tuple(_rows(measured, results, base, variances)),
    )


def _rows(
    measured: dict[str, list[Measured]],
    results: dict[str, Values],
    base: Values,
    variances: Values,
) -> Iterator[tuple[Cell, ...]]:
    def distance(values: Values) -> float:
        return float(((values - np.maximum(base, 0)) ** 2 / variances[:, None]).sum())

    middle = {way: _middle(every) for way, every in measured.items()}
    own, moved = middle[OURS], distance(results[OURS])
    for way, cost in middle.items():
        yield (
            _NAMES[way],
            cost.set_up * 1e3,
            cost.each * 1e3,
            (cost.set_up + cost.each) * 1e3,
            cost.each / own.each,
            (cost.set_up + cost.each) / (own.set_up + own.each),
            cost.peak / MIB,
            own.peak / cost.peak if cost.peak else None,
            difference(results[way], results[OURS]),
            distance(results[way]) / moved,
        )


def _middle(every: list[Measured]) -> Measured:
    return Measured(
        set_up=median(one.set_up for one in every),
        each=median(one.each for one in every),
        peak=int(median(one.peak for one in every)),
    )
