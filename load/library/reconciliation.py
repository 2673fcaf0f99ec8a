"""Our reconciliation against hierarchicalforecast's: the same nodes, days and variances.

Ours is `models.reconciliation.Reconciliation` with variances for all nodes: the projection of
weighted least squares, followed by the removal of negative values. Its Cholesky factor is computed
when a bundle is loaded; times are given with that set-up and without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from features.data.hierarchy import Hierarchy
from load.library import reconciliation_ways, synthetic
from load.library.memory import MIB
from load.library.processes import run_module
from load.library.reconciliation_ways import (
    BY_VARIANCE,
    DENSE,
    OURS,
    SPARSE,
    SPARSE_NON_NEGATIVE,
    STRUCTURAL,
    WayCost,
)
from load.library.subject import Advance
from load.record import Cell, Table

Values = NDArray[np.float64]

SAME = 1e-10
"""Largest difference allowed from the dense method, as a share of the largest value."""
ROUGHLY_SAME = 1e-3
"""Largest difference allowed from the sparse method, which is iterative, as the same share."""
_NAMES = {
    OURS: "ours",
    DENSE: "MinTrace",
    SPARSE: "MinTraceSparse",
    SPARSE_NON_NEGATIVE: "MinTraceSparse, non-negative",
}


@dataclass(frozen=True)
class Case:
    """A set of base forecasts, their weights, and the methods compared on them."""

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
    """Return seconds and memory of each method, and the distance of its result from ours.

    Raises:
        AssertionError: the results differ by more than `SAME` or `ROUGHLY_SAME`.
    """
    hierarchy = synthetic.hierarchy_of(stores, families)
    measured_tables = []
    for case in CASES:
        base, variances = synthetic.base_forecasts(hierarchy, days, case.noise)
        if case.weights == STRUCTURAL:
            variances = np.asarray(hierarchy.summing.sum(axis=1), dtype=np.float64).ravel()
        with TemporaryDirectory(prefix="mlrf-load-") as scratch:
            inputs = Path(scratch) / "inputs.npz"
            np.savez(inputs, stores=stores, families=families, variances=variances, base=base)
            costs = _measure_ways(case, inputs, rounds, advance)
            results = {way: np.load(inputs.with_name(f"{way}.npy")) for way in case.ways}
        if SPARSE_NON_NEGATIVE not in case.ways:  # it projects, we rescale: other values
            check(results)
        measured_tables.append(_table(case, costs, results, base, variances, hierarchy))
    return measured_tables


def check(results: dict[str, Values]) -> None:
    """Compare the result of every other method with ours.

    Raises:
        AssertionError: one differs by more than `SAME` or `ROUGHLY_SAME`.
    """
    for way, values in results.items():
        allowed = ROUGHLY_SAME if way == SPARSE else SAME
        off = difference(values, results[OURS])
        assert off <= allowed, f"{_NAMES[way]} differs by {off:.2g} of the largest value"


def difference(values: Values, other: Values) -> float:
    """Return the largest difference as a share of the largest value."""
    return float(np.abs(values - other).max() / np.abs(other).max())


def _measure_ways(
    case: Case, inputs: Path, rounds: int, advance: Advance
) -> dict[str, list[WayCost]]:
    """Measure the methods in turn, each time in a separate process."""
    costs: dict[str, list[WayCost]] = {way: [] for way in case.ways}
    for _ in range(rounds):  # the call whose memory is measured warms up the process
        for way in case.ways:
            output = inputs.with_name(f"{way}.npy")
            one = run_module(
                reconciliation_ways.__name__, way, case.weights, str(inputs), str(output)
            )
            costs[way].append(WayCost(**one))
            advance(f"{case.id}: {_NAMES[way]}")
    return costs


def _table(
    case: Case,
    costs: dict[str, list[WayCost]],
    results: dict[str, Values],
    base: Values,
    variances: Values,
    hierarchy: Hierarchy,
) -> Table:
    nodes, days = base.shape
    share = float((results[OURS][hierarchy.n_upper :] == 0).mean())
    negatives = (
        f"{share:.1%} of the bottom values are zero afterwards" if share else "none is negative"
    )
    return Table(
        id=case.id,
        caption=f"{nodes:,} nodes × {days} days, weighted {case.weighted}; {negatives}. "
        f"Medians of {len(costs[OURS])} processes each, of one thread. Our set-up is made "
        "once for each bundle; memory is the peak of set-up and one set of forecasts, without "
        "their inputs. Distance is the weighted sum of the squared changes of the base forecasts.",
        columns=(
            *("way", "set-up ms", "each ms", "both ms"),
            *("each / ours", "both / ours", "MiB", "ours / memory"),
            *("largest difference", "distance / ours"),
        ),
        rows=tuple(_rows(costs, results, base, variances)),
    )


def _rows(
    costs: dict[str, list[WayCost]],
    results: dict[str, Values],
    base: Values,
    variances: Values,
) -> Iterator[tuple[Cell, ...]]:
    def distance(values: Values) -> float:
        return float(((values - np.maximum(base, 0)) ** 2 / variances[:, None]).sum())

    medians = {way: _medians(every) for way, every in costs.items()}
    own, moved = medians[OURS], distance(results[OURS])
    for way, cost in medians.items():
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


def _medians(every: list[WayCost]) -> WayCost:
    return WayCost(
        set_up=median(one.set_up for one in every),
        each=median(one.each for one in every),
        peak=int(median(one.peak for one in every)),
    )
