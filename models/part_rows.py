"""Rows of the model for some nodes, from the states of the parts that hold them alone.

Of a large hierarchy the state of all nodes takes a minute and gigabytes. A part may be a single
site: a value does not depend on how the series are divided (see `features.state_parts`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from threading import RLock

import numpy as np
from cachetools import LRUCache, cachedmethod
from numpy.typing import NDArray

from features.blocks import Floats, Rows
from features.data.series_part import Part
from features.matrix import Covariates, MatrixBuilder, Plans
from features.state import PastState
from features.state_parts import Pooled, UpperPast

STATE_BYTES = 2**28
"""Memory of the states that are cached for an origin. Each holds the upper nodes too."""


class PartRows:
    """Rows from one origin.

    Args:
        past, pooled: what all parts read.
        sites: parts of one site each, all of them in their order.
        size: series up to which neighbouring sites are computed at once.
    """

    def __init__(
        self,
        builder: MatrixBuilder,
        past: UpperPast,
        pooled: Pooled,
        sites: Sequence[Part],
        size: int,
    ) -> None:
        self.past = past
        self.pooled = pooled
        self._builder = builder
        self._sites = sites
        self._stops = np.array([site.stop for site in sites])
        self._size = size
        self._states: LRUCache[Part | None, PastState] = LRUCache(STATE_BYTES, _count_bytes)
        self._lock = RLock()

    def matrix(self, nodes: Rows, horizons: Rows, covariates: Covariates | None = None) -> Floats:
        """Return the rows of nodes, as `MatrixBuilder.matrix` does.

        Args:
            nodes: rows of the hierarchy, in any order.
            covariates: of the days ahead, if not those known at the origin.
        """
        rows = np.empty(
            (len(nodes), len(horizons), len(self._builder.contract.names)), dtype=np.float32
        )
        for part, at in self._divide(nodes):
            plans = self._plans_of(part) if covariates is None else covariates.plans_of(part)
            of_part = self._builder.matrix(self._state_of(part), plans, nodes[at], horizons)
            rows[at] = of_part.reshape(len(at), len(horizons), -1)
        return rows.reshape(-1, rows.shape[2])

    def _divide(self, nodes: Rows) -> Iterator[tuple[Part | None, NDArray[np.intp]]]:
        """Yield the parts that hold nodes, with the places of these; None for the upper nodes."""
        upper = self.past.snapshot.hierarchy.n_upper
        places = np.flatnonzero(nodes < upper)
        if len(places):
            yield None, places
        bottoms = np.flatnonzero(nodes >= upper)
        series = nodes[bottoms] - upper
        site_of = np.searchsorted(self._stops, series, side="right")
        for part in self._join_neighbours(np.unique(site_of).tolist()):
            yield part, bottoms[(series >= part.start) & (series < part.stop)]

    def _join_neighbours(self, wanted: list[int]) -> Iterator[Part]:
        """Yield parts of the wanted sites, those next to each other in one up to the size."""
        for _, run in groupby(enumerate(wanted), key=lambda item: item[1] - item[0]):
            sites = [self._sites[number] for _, number in run]
            start, stop = sites[0].start, sites[0].stop
            for site in sites[1:]:
                if site.stop - start > self._size:
                    yield Part(start, stop)
                    start = site.start
                stop = site.stop
            yield Part(start, stop)

    @cachedmethod(lambda self: self._states, lock=lambda self: self._lock)
    def _state_of(self, part: Part | None) -> PastState:
        return self.past.state if part is None else self.past.state_of(part, self.pooled)

    def _plans_of(self, part: Part | None) -> Plans:
        return self.past.plans if part is None else self.past.plans_of(part)


def _count_bytes(state: PastState) -> int:
    return sum(values.nbytes for values in state.to_arrays().values())
