"""The rows of the model whose distribution is compared with that of training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features import calendar
from features.contract import HORIZON
from features.data.snapshot import Snapshot
from features.matrix import MatrixBuilder, known_covariates
from features.state import state_at

_SERIES = 300
_HORIZONS = 8
_EXACT = frozenset({HORIZON, *(feature.name for feature in calendar.FEATURES)})
"""Features that follow from the date and the origin, and cannot drift."""


def compared_features(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the features of a contract whose distributions are compared."""
    return tuple(name for name in names if name not in _EXACT)


def sample_rows(builder: MatrixBuilder, origin: int) -> NDArray[np.float32]:
    """Return rows of series and days evenly spaced, as serving makes them at an origin.

    Covariates count as known for as long as they are after the snapshot's newest origin.

    Returns:
        Shape (rows, features), of the features that `compared_features` names.
    """
    snapshot = builder.snapshot
    state = state_at(snapshot, origin)
    upper = snapshot.hierarchy.n_upper
    series = upper + np.flatnonzero(state.sold[upper:])
    series = series[
        np.unique(np.linspace(0, len(series) - 1, min(_SERIES, len(series))).astype(int))
    ]
    horizons = np.unique(np.linspace(1, snapshot.horizon, _HORIZONS).astype(np.intp))
    rows = builder.matrix(state, known_covariates(snapshot, origin), series, horizons)
    names = builder.contract.names
    columns = [names.index(name) for name in compared_features(names)]
    return np.ascontiguousarray(rows[:, columns])


def month_of(snapshot: Snapshot, day: int) -> int:
    """Return the month of a position on the date axis, 1 to 12."""
    return int(snapshot.dates[day].astype("datetime64[M]").astype(int) % 12 + 1)


def year_of(snapshot: Snapshot, day: int) -> int:
    """Return the year of a position on the date axis."""
    return int(snapshot.dates[day].astype("datetime64[Y]").astype(int) + 1970)
