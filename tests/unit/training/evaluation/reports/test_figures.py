"""Figures of a backtest by flat names."""

from __future__ import annotations

import pytest

from training.evaluation.backtest_result import OURS, Document
from training.evaluation.reports.figures import figures_of

pytestmark = pytest.mark.slow


def test_every_mean_of_the_document_is_a_figure(document: Document) -> None:
    figures = figures_of(document)
    for group, models in document["means"].items():
        for model, scores in models.items():
            assert figures[f"{group}/{model}/rmsle"] == scores["rmsle"]
            assert figures[f"{group}/{model}/wrmsse"] == scores["wrmsse"]


def test_ours_are_means_of_the_averaged_windows_by_level_and_days_ahead(
    document: Document,
) -> None:
    group = "16 days"
    values = [
        window["models"][OURS]["levels"]["store"]["buckets"]["8-16"]["wape"]
        for window in document["windows"]
        if window["group"] == group and window["role"] == "tuning"
    ]
    assert len(values) > 1
    wape = figures_of(document)[f"{group}/{OURS}/store/8-16/wape"]
    assert wape == pytest.approx(sum(values) / len(values))


def test_a_figure_that_does_not_exist_is_left_out(gaps: Document) -> None:
    names = figures_of(gaps)
    assert not [name for name in names if name.endswith(("/wape", "/bias", "/wrmsse"))]
    assert [name for name in names if name.endswith("/rmsle")]
