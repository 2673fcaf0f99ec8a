"""Scores of one window: every measure, by level and by horizon bucket, as a JSON document."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from models import metrics
from models.buckets import buckets_of
from training.evaluation.forecast_errors import Errors, chronological_blocks

Values = NDArray[np.float64]
Document = dict[str, Any]


def point_scores(
    forecast: Values,
    actual: Values,
    history: Values,
    hierarchy: Hierarchy,
    horizons: NDArray[np.intp],
) -> Document:
    """Compute the point measures of a window.

    Args:
        forecast, actual: units, shape (nodes, days); an actual that is NaN is not known.
        history: units up to the origin, shape (nodes, days before).
        horizons: of the days, shape (days,).
    """
    by_level = metrics.weighted_rmsse(forecast, actual, history, hierarchy)
    buckets = buckets_of(hierarchy.specification)
    bucket = buckets.of(horizons)
    return {
        "rmsle": metrics.rmsle(forecast[hierarchy.n_upper :], actual[hierarchy.n_upper :]),
        "wrmsse": metrics.wrmsse(by_level),
        "levels": {
            level: {
                "rmsse": by_level[level],
                "rmsle": metrics.rmsle(forecast[rows], actual[rows]),
                "wape": metrics.wape(forecast[rows], actual[rows]),
                "bias": metrics.bias(forecast[rows], actual[rows]),
                "buckets": {
                    buckets.names[number]: {
                        name: measure(
                            forecast[rows][:, bucket == number], actual[rows][:, bucket == number]
                        )
                        for name, measure in POINT_MEASURES.items()
                    }
                    for number in np.unique(bucket)
                },
            }
            for level, rows in hierarchy.slices.items()
        },
    }


def calibration_scores(errors: Errors, snapshot: Snapshot) -> Document:
    """Compute the point measures of the frozen models over the calibration's origins."""
    buckets = buckets_of(snapshot.specification)
    bucket = buckets.of(errors.horizons)
    first, last = (snapshot.date_at(int(errors.origins[end])) for end in (0, -1))
    return {
        "frozen_at": [
            snapshot.date_at(int(origins[0])).isoformat()
            for origins in chronological_blocks(errors.origins)
        ],
        "origins": {"first": first.isoformat(), "last": last.isoformat(), "n": len(errors.origins)},
        "levels": {
            level: {
                buckets.names[number]: {
                    name: measure(
                        errors.forecast[:, rows][:, :, bucket == number],
                        errors.actual[:, rows][:, :, bucket == number],
                    )
                    for name, measure in POINT_MEASURES.items()
                }
                for number in np.unique(bucket)
            }
            for level, rows in snapshot.hierarchy.slices.items()
        },
    }


POINT_MEASURES = {"rmsle": metrics.rmsle, "wape": metrics.wape, "bias": metrics.bias}
