"""Errors that established series would have if they were new.

How far off analogues are cannot be seen on a series without sales. So every series of the
calibration is also forecast by its analogues, as if it had no sales, and the errors give the scale
of the intervals of new series: at each level, because the errors of a new store's series have the
same sign more often than not, and do not cancel as those of established ones do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from models.analogues import Analogues

Values = NDArray[np.float64]


def analogues_of_all(snapshot: Snapshot) -> Analogues:
    """Return the analogues of every bottom series, among those that have ever sold."""
    upper, bottoms = snapshot.hierarchy.n_upper, snapshot.hierarchy.n_bottom
    sold = snapshot.first_sale[upper:] < snapshot.n_days
    return Analogues(snapshot.hierarchy, np.arange(bottoms), sold)


def forecast_as_new(
    snapshot: Snapshot, analogues: Analogues, origin: int, forecast: Values
) -> Values:
    """Return what analogues alone say of each bottom series, shape (bottoms, horizon), units.

    A series that had not sold by the origin is no analogue, and is forecast as zero.

    Args:
        forecast: of the bottom series on all days after the origin, of the same shape.
    """
    sold = snapshot.first_sale[snapshot.hierarchy.n_upper :] <= origin
    counted = np.broadcast_to(sold[:, None], forecast.shape)
    closed = snapshot.closed_ahead(origin, np.arange(1, forecast.shape[1] + 1))
    means = analogues.forecast(forecast, is_open=counted if closed is None else counted & ~closed)
    means[~sold] = 0
    return means


def scales_of_new(
    residual: Values, bucket: NDArray[np.intp], buckets: int, hierarchy: Hierarchy
) -> dict[str, Values]:
    """Return the root mean square of the residuals of each level, shape (buckets,); 0 without any.

    Args:
        residual: of forecasts by analogues, roots of units, shape (origins, nodes, horizons); NaN
            where it does not count.
        bucket: number of the bucket of each horizon, shape (horizons,).
    """
    squares = residual**2
    scales = {}
    for level, rows in hierarchy.slices.items():
        of_level = [squares[:, rows][:, :, bucket == number] for number in range(buckets)]
        means = [float(np.nanmean(each)) if np.isfinite(each).any() else 0.0 for each in of_level]
        scales[level] = np.sqrt(np.array(means))
    return scales
