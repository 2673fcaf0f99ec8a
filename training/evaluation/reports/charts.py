"""Charts of a backtest, as SVG that follows the reader's light or dark scheme."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes

from training.evaluation.backtest_result import OURS, Document
from training.evaluation.reports.report_tables import (
    bucket_mean,
    buckets_of,
    groups_of,
    models_of,
    nominals_of,
    ratio,
    select_windows,
    share_of,
)
from training.evaluation.reports.svg import INK, apply_style, line, panels
from training.evaluation.windows import TUNING


@dataclass(frozen=True)
class Chart:
    """A drawing with its title and its text alternative."""

    title: str
    alt: str
    svg: str


def charts_of(document: Document) -> list[Chart]:
    """Draw all charts of a backtest. The same document gives the same bytes."""
    with apply_style():
        return [
            _chart_rmsle(document),
            _chart_wape(document),
            _chart_coverage(document),
            _chart_wis(document),
        ]


def _chart_rmsle(document: Document) -> Chart:
    models = models_of(document)
    groups = groups_of(document)

    def draw(axes: Axes, group: str) -> None:
        windows = sorted(
            select_windows(document, group=group), key=lambda window: str(window["origin"])
        )
        labels = [f"{window['origin']}\n{window['role']}" for window in windows]
        for place, name in enumerate(models):
            values = [window["models"].get(name, {}).get("rmsle") for window in windows]
            line(axes, labels, values, place, name, joined=False)
        axes.tick_params("x", rotation=90)

    windows = document["windows"]
    best = sum(
        all(
            window["models"][OURS]["rmsle"] <= other["rmsle"] for other in window["models"].values()
        )
        for window in windows
    )
    return Chart(
        "RMSLE by window and model",
        f"One dot for each model in each window. {OURS} is the lowest in {best} of "
        f"{len(windows)} windows. The figures are in the table of the same name.",
        panels(groups, draw, y="RMSLE"),
    )


def _chart_wape(document: Document) -> Chart:
    groups = groups_of(document)

    def draw(axes: Axes, group: str) -> None:
        windows = select_windows(document, role=TUNING, group=group)
        buckets = buckets_of(windows)
        for place, level in enumerate(document["nodes"]):
            values = [bucket_mean(windows, level, bucket, "wape") for bucket in buckets]
            line(axes, buckets, values, place, level)
        axes.set_xlabel("days ahead")

    return Chart(
        "WAPE by level and days ahead",
        f"One line for each level: the mean WAPE of {OURS} over the averaged windows, by days "
        "ahead. The figures are in the tables by level and days ahead.",
        panels(groups, draw, y="WAPE", from_zero=True),
    )


def _chart_coverage(document: Document) -> Chart:
    levels = document["intervals"]["levels"]
    nominals = nominals_of(document)

    def draw(axes: Axes, level: str) -> None:
        ends = [share_of(nominals[0]), share_of(nominals[-1])]
        axes.plot(ends, ends, color=INK, linestyle="--", label="nominal")
        for place, (bucket, cell) in enumerate(levels[level].items()):
            values = [cell[nominal]["coverage"] for nominal in nominals]
            shares = [share_of(nominal) for nominal in nominals]
            line(axes, shares, values, place, f"{bucket} days")
        axes.set_xticks([share_of(nominal) for nominal in nominals], nominals)
        axes.set_xlabel("nominal")

    gaps = [
        (abs(cell[nominal]["coverage"] - share_of(nominal)), level, bucket, nominal)
        for level, buckets in levels.items()
        for bucket, cell in buckets.items()
        for nominal in nominals
    ]
    gap, level, bucket, nominal = max(gaps)
    return Chart(
        "Coverage against nominal by level",
        "One panel for each level, one line for days ahead; a calibrated interval lies on the "
        f"dashed line. The farthest from it, by {gap:.1%}, is the {nominal} interval of {level} "
        f"at {bucket} days. The figures are in the table of coverage.",
        panels(list(levels), draw, y="coverage"),
    )


def _chart_wis(document: Document) -> Chart:
    levels = document["intervals"]["levels"]
    ratios = {
        level: {bucket: ratio(cell["wis"], cell["wis_normal"]) for bucket, cell in buckets.items()}
        for level, buckets in levels.items()
    }

    def draw(axes: Axes, _: str) -> None:
        axes.axhline(1, color=INK, linestyle="--")
        for place, (level, by_bucket) in enumerate(ratios.items()):
            line(axes, list(by_bucket), list(by_bucket.values()), place, level)
        axes.set_xlabel("days ahead")

    known = [value for buckets in ratios.values() for value in buckets.values() if value]
    return Chart(
        "WIS of our intervals as a share of the normal approximation's",
        "One line for each level; below 1 ours are better. They are in "
        f"{sum(value < 1 for value in known)} of {len(known)} cells. The figures are in the table "
        "of the weighted interval score.",
        panels([""], draw, y="WIS, ours / normal"),
    )
