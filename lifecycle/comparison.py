"""Comparison of two releases by the figures that their trainings recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_POINT_MEASURES = ("wape", "bias", "rmsle")
MEASURES = (*_POINT_MEASURES, "coverage_80", "coverage_95")

Document = dict[str, Any]


def compare_figures(first: Mapping[str, Any], second: Mapping[str, Any]) -> Document:
    """Compare the figures of two bundles, on the days of their calibrations.

    Args:
        first, second: metrics of the bundles.

    Returns:
        `origins` of each, `same_days`, which says whether the figures are of the same days, and
        `levels`: by level and days ahead, each measure with the figure of both. A figure is None
        where a bundle has none.
    """
    origins = [metrics["calibration"]["origins"] for metrics in (first, second)]
    return {
        "origins": {"first": origins[0], "second": origins[1]},
        "same_days": origins[0] == origins[1],
        "levels": {
            level: {
                days: {
                    measure: {
                        "first": _figure(first, level, days, measure),
                        "second": _figure(second, level, days, measure),
                    }
                    for measure in MEASURES
                }
                for days in buckets
            }
            for level, buckets in first["calibration"]["levels"].items()
        },
    }


def _figure(metrics: Mapping[str, Any], level: str, days: str, measure: str) -> float | None:
    part = metrics["calibration"] if measure in _POINT_MEASURES else metrics["quality"]
    figure: float | None = part["levels"].get(level, {}).get(days, {}).get(measure)
    return figure
