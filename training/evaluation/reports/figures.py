"""Figures of a backtest by flat names, as a tracker of experiments lists them."""

from __future__ import annotations

from training.evaluation.backtest_result import OURS, Document
from training.evaluation.reports.report_tables import (
    bucket_mean,
    buckets_of,
    groups_of,
    select_windows,
)
from training.evaluation.windows import TUNING

_MEASURES = ("rmsle", "wape", "bias")


def figures_of(document: Document) -> dict[str, float]:
    """Return the figures that exist, as means over the averaged windows of each group.

    They are `<windows>/<model>/<measure>` of every model, and
    `<windows>/<model>/<level>/<days ahead>/<measure>` of ours.
    """
    figures = {
        f"{group}/{model}/{measure}": scores[measure]
        for group, models in document["means"].items()
        for model, scores in models.items()
        for measure in ("rmsle", "wrmsse")
    }
    for group in groups_of(document):
        windows = select_windows(document, role=TUNING, group=group)
        figures |= {
            f"{group}/{OURS}/{level}/{days}/{measure}": bucket_mean(windows, level, days, measure)
            for level in document["nodes"]
            for days in buckets_of(windows)
            for measure in _MEASURES
        }
    return {name: value for name, value in figures.items() if value is not None}
