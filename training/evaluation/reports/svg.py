"""Drawing of charts as SVG that follows the reader's light or dark scheme.

The same figures give the same bytes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# placeholder colours that are replaced by variables of the style sheet below
INK = "#010101"
_GRID = "#020202"
_SERIES = ("#0a0a01", "#0a0a02", "#0a0a03", "#0a0a04", "#0a0a05", "#0a0a06")
_MARKERS = "osD^vP"
_LIGHT = ("#1f2328", "#d0d7de", "#0072b2", "#c14600", "#00795a", "#8a4fa3", "#6b6b00", "#6e7781")
_DARK = ("#e6edf3", "#3d444d", "#56b4e9", "#ff9e57", "#3ccf9e", "#d69ae6", "#d9d05c", "#b0b8c0")
_DRAWING: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mlrf",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": _GRID,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.markersize": 5,
    "legend.frameon": False,
}


@contextmanager
def apply_style() -> Iterator[None]:
    """Apply the common chart style to all drawing inside the context."""
    with mpl.rc_context(_DRAWING):
        yield


def line(
    axes: Axes,
    x: Sequence[str] | Sequence[float],
    values: Sequence[float | None],
    place: int,
    label: str,
    *,
    joined: bool = True,
) -> None:
    """Draw one series; `place` determines its colour and marker, None is a gap."""
    axes.plot(
        x,  # texts make a categorical axis
        [math.nan if value is None else value for value in values],
        color=_SERIES[place % len(_SERIES)],
        marker=_MARKERS[place % len(_MARKERS)],
        linestyle="-" if joined else "",
        label=label,
    )


def panels(
    titles: Sequence[str], draw: Callable[[Axes, str], None], *, y: str, from_zero: bool = False
) -> str:
    """Draw panels side by side with a common scale and legend, as SVG; `draw` fills each."""
    figure = Figure(figsize=(max(3.1 * len(titles), 5), 3.6), layout="constrained")
    every = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    for axes, title in zip(every, titles, strict=True):
        draw(axes, title)
        axes.set_title(title, fontsize=9)
    every[0].set_ylabel(y)
    if from_zero:
        every[0].set_ylim(bottom=0)
    handles, labels = every[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6)
    return _render_svg(figure)


def _render_svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for index, colour in enumerate((INK, _GRID, *_SERIES)):
        text = text.replace(colour, f"var(--c{index})")
    end = text.index(">") + 1
    return f"{text[:end]}<style>{_render_scheme()}</style>{text[end:]}"


def _render_scheme() -> str:
    def rule(colours: Sequence[str]) -> str:
        return ":root{" + "".join(f"--c{i}:{colour};" for i, colour in enumerate(colours)) + "}"

    return f"{rule(_LIGHT)}@media (prefers-color-scheme:dark){{{rule(_DARK)}}}"
