"""Base forecasts of some nodes: the model's, those of rules, and zeros.

`NodeForecaster` needs nothing of other nodes, so that a worker can forecast a part of the series;
`models.engine` puts the parts together, and forecasts what needs all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from features.blocks import Rows
from features.data.series_part import Part
from features.data.snapshot import Snapshot
from features.matrix import Covariates, MatrixBuilder, Plans
from features.state import PastState
from features.state_parts import Pooled, UpperPast
from models.baselines import Baseline, forecast_by_rule
from models.bundle import Bundle

Progress = Callable[[int, int], None]
"""Called with the number of parts done and of all parts."""

PART_ROWS = 200_000
"""Rows of the model, about 600 bytes each, that are in memory at a time.

A part of the series has about so many rows, and its state takes twice as much memory."""

Values = NDArray[np.float64]


class NodeForecaster:
    """A bundle's model, and its rules, for the nodes of a snapshot.

    Attributes:
        fallbacks: rows of the bottom series that each rule forecasts instead of the model.

    Raises:
        ArtifactError: the bundle and the snapshot do not fit each other.
    """

    def __init__(self, bundle: Bundle, snapshot: Snapshot) -> None:
        bundle.check_fits(snapshot)
        self.bundle = bundle
        self.snapshot = snapshot
        self.builder = MatrixBuilder(snapshot, bundle.contract)
        self.fallbacks = self._find_fallbacks()

    def forecast(
        self,
        state: PastState,
        covariates: Covariates | Plans,
        nodes: Rows,
        horizons: Rows,
        *,
        progress: Progress = lambda done, total: None,
    ) -> Values:
        """Return base forecasts of nodes, shape (nodes, horizons).

        Those of announced series are those of any other without a sale. The model's rows are made
        in chunks of days, so that their memory does not grow with the number of days.

        Args:
            nodes: consecutive rows of the hierarchy, or upper nodes; the state has them.
            progress: called with days done and all days.
        """
        base = np.empty((len(nodes), len(horizons)))
        days = max(PART_ROWS // max(len(nodes), 1), 1)
        for start in range(0, len(horizons) if len(nodes) else 0, days):
            chunk = horizons[start : start + days]
            rows = self.builder.matrix(state, covariates, nodes, chunk)
            outputs = self.bundle.model.predict(rows)
            base[:, start : start + days] = outputs.reshape(len(nodes), len(chunk))
            progress(start + len(chunk), len(horizons))
        upper = self.snapshot.hierarchy.n_upper
        if len(nodes) and nodes[0] >= upper:
            part = Part(int(nodes[0]) - upper, int(nodes[-1]) + 1 - upper)
            self.apply_rules(base, part.nodes(upper), state.origin, horizons)
            base[~state.sold[state.locate(nodes)]] = 0
            closed = self.snapshot.closed_ahead(state.origin, horizons, part)
            if closed is not None:
                base[closed] = 0
        else:
            base[~state.sold[state.locate(nodes)]] = 0
        return base

    def apply_rules(self, base: Values, nodes: slice, origin: int, horizons: Rows) -> None:
        """Write the forecasts of the rules over those of the model.

        Args:
            base: of the nodes, shape (nodes, horizons).
            nodes: consecutive rows of the hierarchy.
        """
        for rule, of_rule in self.fallbacks.items():
            rows = of_rule[(of_rule >= nodes.start) & (of_rule < nodes.stop)]
            if len(rows):
                history = self.snapshot.history[rows, : origin + 1]
                step = self.snapshot.step
                base[rows - nodes.start] = forecast_by_rule(history, horizons, rule, step=step)

    def _find_fallbacks(self) -> dict[Baseline, NDArray[np.intp]]:
        index = self.snapshot.hierarchy.index
        known = [(node, of) for node, of in self.bundle.fallbacks.items() if node in index]
        rows = {rule: [index[node] for node, of in known if of is rule] for rule in Baseline}
        return {rule: np.array(at, dtype=np.intp) for rule, at in rows.items() if at}

    def forecast_part(self, past: UpperPast, part: Part, pooled: Pooled, horizons: Rows) -> Values:
        """Return base forecasts of the series of a part, shape (bottoms, horizons)."""
        nodes = part.nodes(self.snapshot.hierarchy.n_upper)
        rows = np.arange(nodes.start, nodes.stop)
        return self.forecast(past.state_of(part, pooled), past.plans_of(part), rows, horizons)


KeepPooled = Callable[[Pooled], None]
"""Called with the pooled responses, once they are known."""

ScoreParts = Callable[
    [NodeForecaster, UpperPast, Sequence[Part], Rows, Progress, KeepPooled],
    Iterator[tuple[Part, Values]],
]
"""Yields the base forecasts of parts, in any order, as `score_parts_here` does."""


def score_parts_here(
    forecaster: NodeForecaster,
    past: UpperPast,
    parts: Sequence[Part],
    horizons: Rows,
    progress: Progress,
    keep_pooled: KeepPooled,
) -> Iterator[tuple[Part, Values]]:
    """Yield the base forecasts of parts, one after the other in this process.

    Args:
        past: of the origin.
        horizons: days after it.
        progress: called with parts done and all parts.
        keep_pooled: called before the first part.
    """
    pooled = past.pool(parts)
    keep_pooled(pooled)
    for number, part in enumerate(parts, start=1):
        yield part, forecaster.forecast_part(past, part, pooled, horizons)
        progress(number, len(parts))
