"""The pictures of a backtest, as SVG that follows the reader's light or dark scheme."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.document import OURS, Document
from training.figures import (
    bucket_mean,
    buckets_of,
    chosen,
    groups_of,
    models_of,
    nominals_of,
    ratio,
    share_of,
)
from training.windows import TUNING

# drawn in colours that stand for variables of the style sheet below
_INK = "#010101"
_GRID = "#020202"
_SERIES = ("#0a0a01", "#0a0a02", "#0a0a03", "#0a0a04", "#0a0a05", "#0a0a06")
_MARKERS = "osD^vP"
_LIGHT = ("#1f2328", "#d0d7de", "#0072b2", "#c14600", "#00795a", "#8a4fa3", "#6b6b00", "#6e7781")
_DARK = ("#e6edf3", "#3d444d", "#56b4e9", "#ff9e57", "#3ccf9e", "#d69ae6", "#d9d05c", "#b0b8c0")
_DRAWING: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mlrf",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": _GRID,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "lines.markersize": 5,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Picture:
    """A drawing and what it says, for those who do not see it."""

    title: str
    alt: str
    svg: str


def pictures_of(document: Document) -> list[Picture]:
    """All pictures of a backtest. The same document gives the same bytes."""
    with mpl.rc_context(_DRAWING):
        return [_rmsle(document), _wape(document), _coverage(document), _wis(document)]


def _rmsle(document: Document) -> Picture:
    models = models_of(document)
    groups = groups_of(document)

    def draw(axes: Axes, group: str) -> None:
        windows = sorted(chosen(document, group=group), key=lambda window: str(window["origin"]))
        labels = [f"{window['origin']}\n{window['role']}" for window in windows]
        for place, name in enumerate(models):
            values = [window["models"].get(name, {}).get("rmsle") for window in windows]
            _line(axes, labels, values, place, name, joined=False)
        axes.tick_params("x", rotation=90)

    windows = document["windows"]
    best = sum(
        all(
            window["models"][OURS]["rmsle"] <= other["rmsle"] for other in window["models"].values()
        )
        for window in windows
    )
    return Picture(
        "RMSLE by window and model",
        f"One dot for each model in each window. {OURS} is the lowest in {best} of "
        f"{len(windows)} windows. The figures are in the table of the same name.",
        _panels(groups, draw, y="RMSLE"),
    )


def _wape(document: Document) -> Picture:
    groups = groups_of(document)

    def draw(axes: Axes, group: str) -> None:
        windows = chosen(document, role=TUNING, group=group)
        buckets = buckets_of(windows)
        for place, level in enumerate(document["nodes"]):
            values = [bucket_mean(windows, level, bucket, "wape") for bucket in buckets]
            _line(axes, buckets, values, place, level)
        axes.set_xlabel("days ahead")

    return Picture(
        "WAPE by level and days ahead",
        f"One line for each level: the mean WAPE of {OURS} over the averaged windows, by days "
        "ahead. The figures are in the tables by level and days ahead.",
        _panels(groups, draw, y="WAPE", from_zero=True),
    )


def _coverage(document: Document) -> Picture:
    levels = document["intervals"]["levels"]
    nominals = nominals_of(document)

    def draw(axes: Axes, level: str) -> None:
        ends = [share_of(nominals[0]), share_of(nominals[-1])]
        axes.plot(ends, ends, color=_INK, linestyle="--", label="nominal")
        for place, (bucket, cell) in enumerate(levels[level].items()):
            values = [cell[nominal]["coverage"] for nominal in nominals]
            shares = [share_of(nominal) for nominal in nominals]
            _line(axes, shares, values, place, f"{bucket} days")
        axes.set_xticks([share_of(nominal) for nominal in nominals], nominals)
        axes.set_xlabel("nominal")

    gaps = [
        (abs(cell[nominal]["coverage"] - share_of(nominal)), level, bucket, nominal)
        for level, buckets in levels.items()
        for bucket, cell in buckets.items()
        for nominal in nominals
    ]
    gap, level, bucket, nominal = max(gaps)
    return Picture(
        "Coverage against nominal by level",
        "One panel for each level, one line for days ahead; a calibrated interval lies on the "
        f"dashed line. The farthest from it, by {gap:.1%}, is the {nominal} interval of {level} "
        f"at {bucket} days. The figures are in the table of coverage.",
        _panels(list(levels), draw, y="coverage"),
    )


def _wis(document: Document) -> Picture:
    levels = document["intervals"]["levels"]
    ratios = {
        level: {bucket: ratio(cell["wis"], cell["wis_normal"]) for bucket, cell in buckets.items()}
        for level, buckets in levels.items()
    }

    def draw(axes: Axes, _: str) -> None:
        axes.axhline(1, color=_INK, linestyle="--")
        for place, (level, by_bucket) in enumerate(ratios.items()):
            _line(axes, list(by_bucket), list(by_bucket.values()), place, level)
        axes.set_xlabel("days ahead")

    known = [value for buckets in ratios.values() for value in buckets.values() if value]
    return Picture(
        "WIS of our intervals as a share of the normal approximation's",
        "One line for each level; below 1 ours are better. They are in "
        f"{sum(value < 1 for value in known)} of {len(known)} cells. The figures are in the table "
        "of the weighted interval score.",
        _panels([""], draw, y="WIS, ours / normal"),
    )


def _line(
    axes: Axes,
    x: Sequence[str] | Sequence[float],
    values: Sequence[float | None],
    place: int,
    label: str,
    *,
    joined: bool = True,
) -> None:
    axes.plot(
        x,  # texts make a categorical axis
        [math.nan if value is None else value for value in values],
        color=_SERIES[place % len(_SERIES)],
        marker=_MARKERS[place % len(_MARKERS)],
        linestyle="-" if joined else "",
        label=label,
    )


def _panels(
    titles: Sequence[str], draw: Callable[[Axes, str], None], *, y: str, from_zero: bool = False
) -> str:
    figure = Figure(figsize=(max(3.1 * len(titles), 5), 3.6), layout="constrained")
    panels = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    for axes, title in zip(panels, titles, strict=True):
        draw(axes, title)
        axes.set_title(title, fontsize=9)
    panels[0].set_ylabel(y)
    if from_zero:
        panels[0].set_ylim(bottom=0)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6)
    return _svg(figure)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for index, colour in enumerate((_INK, _GRID, *_SERIES)):
        text = text.replace(colour, f"var(--c{index})")
    end = text.index(">") + 1
    return f"{text[:end]}<style>{_scheme()}</style>{text[end:]}"


def _scheme() -> str:
    def rule(colours: Sequence[str]) -> str:
        return ":root{" + "".join(f"--c{i}:{colour};" for i, colour in enumerate(colours)) + "}"

    return f"{rule(_LIGHT)}@media (prefers-color-scheme:dark){{{rule(_DARK)}}}"
