"""One way to reconcile, in a process of its own: ``python -m load.library.reconciliation_ways``
``<way> <weights> <inputs.npz> <output.npy>`` prints what it measured as JSON.

A way is its set-up, which knows the hierarchy and the variances (ours is made once a bundle), and
what is then done for each set of forecasts.
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

from features.hierarchy import Hierarchy
from load.library.memory import peak
from load.library.synthetic import hierarchy_of
from models.reconciliation import Reconciliation

Values = NDArray[np.float64]
Reconcile = Callable[[Values], Values]
SetUp = Callable[[], Reconcile]

OURS, DENSE, SPARSE, SPARSE_NON_NEGATIVE = "ours", "dense", "sparse", "sparse-non-negative"
BY_VARIANCE, STRUCTURAL = "wls_var", "wls_struct"
"""Weights, by hierarchicalforecast's names; structural ones are the numbers of bottoms."""
_CALLS = {OURS: 50, DENSE: 3, SPARSE: 1, SPARSE_NON_NEGATIVE: 1}
_SKEW, _RIDGE = 1e-2, 2e-8


@dataclass(frozen=True)
class Measured:
    """What one process measured.

    Attributes:
        set_up, each: seconds of the set-up, and of each set of forecasts.
        peak: bytes that both together took beside the inputs, in the first call.
    """

    set_up: float
    each: float
    peak: int


def ours(hierarchy: Hierarchy, variances: Values, weights: str) -> SetUp:
    """Sums kept, negatives removed: what a server runs."""
    ids = [node.id for node in hierarchy.nodes]
    by_id = dict(zip(ids, variances.tolist(), strict=True))

    def set_up() -> Reconcile:
        reconciliation = Reconciliation(hierarchy, by_id)
        return lambda base: reconciliation.reconcile(base).values

    return set_up


def dense(hierarchy: Hierarchy, variances: Values, weights: str) -> SetUp:
    """MinTrace of hierarchicalforecast; its set-up makes the projection."""
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
    """MinTraceSparse of hierarchicalforecast, which does all its work for each set."""
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
    """Errors of given variances, as hierarchicalforecast takes them; shape (nodes, 2).

    Its dense method adds a ridge to their mean squares, which is taken off here. The sparse one
    takes their variances, twice as much: a factor that all nodes share changes no reconciliation.
    Neither takes errors that add up to zero.
    """
    deviation = np.sqrt((variances - _RIDGE) / (1 + _SKEW**2))
    return np.stack([deviation * (1 + _SKEW), -deviation * (1 - _SKEW)], axis=1)


def measure(way: str, weights: str, inputs: Path, output: Path) -> Measured:
    """Measure a way and keep its result."""
    with np.load(inputs) as arrays:
        hierarchy = hierarchy_of(int(arrays["stores"]), int(arrays["families"]))
        variances, base = arrays["variances"], arrays["base"]
    set_up = WAYS[way](hierarchy, variances, weights)
    values, most = peak(lambda: set_up()(base))
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
    return Measured(set_up=each_set_up, each=median(each), peak=most)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # that negative base forecasts are replaced
    measured = measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    print(json.dumps(asdict(measured)))
