"""One reconciliation method ("way"), measured in a separate process.

``python -m load.library.reconciliation_ways <way> <weights> <inputs.npz> <output.npy>`` prints its
cost as JSON. A way consists of its set-up, from the hierarchy and the variances (ours is set up
once a bundle), and of the reconciliation of one set of forecasts.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from features.data.hierarchy import Hierarchy
from load.library.memory import measure_peak
from load.library.synthetic import hierarchy_of
from models.reconciliation import Reconciliation

Values = NDArray[np.float64]
Reconcile = Callable[[Values], Values]
SetUp = Callable[[], Reconcile]

OURS, DENSE, SPARSE, SPARSE_NON_NEGATIVE = "ours", "dense", "sparse", "sparse-non-negative"
BY_VARIANCE, STRUCTURAL = "wls_var", "wls_struct"
"""Weights, by hierarchicalforecast's names; structural ones count a node's bottom series."""
_CALLS = {OURS: 50, DENSE: 3, SPARSE: 1, SPARSE_NON_NEGATIVE: 1}
_SKEW, _RIDGE = 1e-2, 2e-8


@dataclass(frozen=True)
class WayCost:
    """The cost of one way, as one process measured it.

    Attributes:
        set_up, each: seconds of the set-up, and of each set of forecasts.
        peak: bytes of both together beside the inputs, in the first call.
    """

    set_up: float
    each: float
    peak: int


def ours(hierarchy: Hierarchy, variances: Values, weights: str) -> SetUp:
    """Return the set-up of our reconciliation, which a server runs: coherent, non-negative."""
    ids = [node.id for node in hierarchy.nodes]
    by_id = dict(zip(ids, variances.tolist(), strict=True))

    def set_up() -> Reconcile:
        reconciliation = Reconciliation(hierarchy, by_id)
        return lambda base: reconciliation.reconcile(base).values

    return set_up


def dense(hierarchy: Hierarchy, variances: Values, weights: str) -> SetUp:
    """Return the set-up of hierarchicalforecast's MinTrace, which computes the projection."""
    from hierarchicalforecast.methods import MinTrace

    summing, errors = hierarchy.summing.toarray(), residuals(variances)
    nothing = np.zeros_like(errors)

    def set_up() -> Reconcile:
        method = MinTrace(weights)
        method.fit(summing, np.zeros((len(summing), 1)), errors, nothing)
        return lambda base: np.asarray(method.predict(summing, base)["mean"])

    return set_up


def sparse(
    hierarchy: Hierarchy, variances: Values, weights: str, *, nonnegative: bool = False
) -> SetUp:
    """Return the set-up of its MinTraceSparse, which does all its work for each set."""
    from hierarchicalforecast.methods import MinTraceSparse
    from scipy.sparse import csr_matrix

    summing, errors = csr_matrix(hierarchy.summing), residuals(variances)
    nothing = np.zeros_like(errors)

    def set_up() -> Reconcile:
        method = MinTraceSparse(weights, nonnegative=nonnegative)

        def reconcile(base: Values) -> Values:
            return np.asarray(method.fit_predict(summing, base, errors, nothing)["mean"])

        return reconcile

    return set_up


WAYS: Mapping[str, Callable[[Hierarchy, Values, str], SetUp]] = {
    OURS: ours,
    DENSE: dense,
    SPARSE: sparse,
    SPARSE_NON_NEGATIVE: partial(sparse, nonnegative=True),
}


def residuals(variances: Values) -> Values:
    """Return two errors a node that have given variances; shape (nodes, 2).

    hierarchicalforecast takes errors in place of variances.
    """
    # The dense method weighs by the mean square of the errors plus a ridge, which is subtracted
    # here. The sparse one weighs by their sample variance, about twice as much: a factor common to
    # all nodes does not change the result of a reconciliation. Neither accepts errors that add up
    # to zero, so the two are skewed by `_SKEW`, and scaled to keep the mean square exact.
    deviation = np.sqrt((variances - _RIDGE) / (1 + _SKEW**2))
    return np.stack([deviation * (1 + _SKEW), -deviation * (1 - _SKEW)], axis=1)


def measure(way: str, weights: str, inputs: Path, output: Path) -> WayCost:
    """Measure a way and save its result as an array."""
    with np.load(inputs) as arrays:
        hierarchy = hierarchy_of(int(arrays["stores"]), int(arrays["families"]))
        variances, base = arrays["variances"], arrays["base"]
    set_up = WAYS[way](hierarchy, variances, weights)
    values, most = measure_peak(lambda: set_up()(base))
    np.save(output, values)
    calls = _CALLS[way]
    began = perf_counter()
    for _ in range(calls):
        reconcile = set_up()
    each_set_up = (perf_counter() - began) / calls
    each = []
    for _ in range(calls):
        began = perf_counter()
        reconcile(base)
        each.append(perf_counter() - began)
    return WayCost(set_up=each_set_up, each=median(each), peak=most)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # it warns that negative base forecasts are replaced
    cost = measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    print(json.dumps(asdict(cost)))
