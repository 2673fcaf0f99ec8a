"""Growth of time and memory with the number of nodes and with the forecast horizon."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np

from features.contract import contract_of
from features.data.snapshot import Snapshot
from features.data.specification import FAVORITA
from features.matrix import MatrixBuilder, known_covariates
from features.state import PastState, state_at
from load.library import synthetic
from load.library.memory import MIB, measure_peak
from load.library.subject import Advance, Subject
from load.record import Table
from load.rounds import Spread, measure_interleaved
from models.model import SegmentedModel
from models.reconciliation import Reconciliation

NODES, HORIZON = "growth-nodes", "growth-horizon"
WORKS = ("state", "rows and model", "reconciliation")
FACTORS = (1, 4, 16)
HORIZONS = (7, 16, 30, 60, FAVORITA.horizon)
_DAYS = 2 * 364 + 112  # a little more than a state reads
_NOISE = 0.02
_ROWS_PER_CALL = 200_000
_COLUMNS = ("s", "least s", "most s", "MiB")


@dataclass(frozen=True)
class _Panel:
    """Objects that are measured for one size of the panel."""

    snapshot: Snapshot
    builder: MatrixBuilder
    state: PastState
    model: SegmentedModel
    reconciliation: Reconciliation

    @property
    def nodes(self) -> int:
        return len(self.snapshot.hierarchy)

    def compute_state(self) -> PastState:
        return state_at(self.snapshot, self.snapshot.newest_origin)

    def predict(self, days: int) -> None:
        """Compute base forecasts of the bottom series in blocks of days, as the engine does."""
        hierarchy, horizons = self.snapshot.hierarchy, np.arange(1, days + 1)
        bottoms = np.arange(hierarchy.n_upper, self.nodes)
        covariates = known_covariates(self.snapshot, self.snapshot.newest_origin)
        block = max(_ROWS_PER_CALL // len(bottoms), 1)
        for start in range(0, days, block):
            days_ahead = horizons[start : start + block]
            rows = self.builder.matrix(self.state, covariates, bottoms, days_ahead)
            self.model.predict(rows)

    def works(self, days: int) -> dict[str, Callable[[], object]]:
        base, _ = synthetic.base_forecasts(self.snapshot.hierarchy, days, _NOISE)
        return {
            "state": self.compute_state,
            "rows and model": partial(self.predict, days),
            "reconciliation": partial(self.reconciliation.reconcile, base),
        }


def tables(
    subject: Subject,
    advance: Advance,
    *,
    stores: int = synthetic.STORES,
    families: int = synthetic.FAMILIES,
    factors: Sequence[int] = FACTORS,
    horizons: Sequence[int] = HORIZONS,
    rounds: int = 3,
) -> list[Table]:
    """Return the seconds and memory of the state, of base forecasts and of reconciliation.

    Args:
        stores, families: size of the panel that is multiplied.
        factors: multiples of its nodes; squares, as stores and families grow by the root of each.
    """
    of_nodes = []
    for factor in factors:
        times = round(factor**0.5)
        panel = _panel(subject, stores * times, families * times)
        size = f"{factor} ×"
        for work, *figures in _measure_works(panel, (FAVORITA.horizon,), rounds, advance, size):
            of_nodes.append((size, panel.nodes, work[0], *figures))
        del panel
    panel = _panel(subject, stores, families)
    of_days = [
        (work[1], work[0], *figures)
        for work, *figures in _measure_works(panel, horizons, rounds, advance, "days")
        if work[0] != "state"  # one state serves all horizons
    ]
    about = (
        f"an invented panel of {_DAYS} days; reconciliation by variances of all nodes. Medians of "
        f"{rounds} rounds; memory is what the work takes at its peak beside its inputs."
    )
    return [
        Table(
            id=NODES,
            caption=f"Growth with the number of nodes, for {FAVORITA.horizon} days of {about}",
            columns=("size", "nodes", "work", *_COLUMNS),
            rows=tuple(of_nodes),
        ),
        Table(
            id=HORIZON,
            caption=f"Growth with the days that are forecast, {panel.nodes:,} nodes of {about}",
            columns=("days", "work", *_COLUMNS),
            rows=tuple(of_days),
        ),
    ]


def _panel(subject: Subject, stores: int, families: int) -> _Panel:
    snapshot = synthetic.snapshot_of(stores, families, _DAYS)
    hierarchy = snapshot.hierarchy
    _, variances = synthetic.base_forecasts(hierarchy, 1, _NOISE)
    ids = (node.id for node in hierarchy.nodes)
    return _Panel(
        snapshot=snapshot,
        builder=MatrixBuilder(snapshot, contract_of(snapshot, through=snapshot.newest_origin)),
        state=state_at(snapshot, snapshot.newest_origin),
        model=subject.engine.bundle.model,
        reconciliation=Reconciliation(hierarchy, dict(zip(ids, variances.tolist(), strict=True))),
    )


def _measure_works(
    panel: _Panel, horizons: Sequence[int], rounds: int, advance: Advance, what: str
) -> Iterator[tuple[tuple[str, int], float, float, float, float]]:
    """Yield each work and its number of days, with median, least and most seconds, and MiB."""
    peaks: dict[tuple[str, int], int] = {}

    def way(key: tuple[str, int], work: Callable[[], object]) -> float:
        if key not in peaks:  # in the warm-up round, which does not count
            _, peaks[key] = measure_peak(work)
        began = perf_counter()
        work()
        return perf_counter() - began

    ways = {
        (name, days): partial(way, (name, days), work)
        for days in horizons
        for name, work in panel.works(days).items()
    }
    spreads: dict[tuple[str, int], Spread] = measure_interleaved(
        ways, rounds=rounds, advance=partial(advance, f"growth: {what}")
    )
    for key, spread in spreads.items():
        yield key, spread.median, spread.least, spread.most, peaks[key] / MIB
