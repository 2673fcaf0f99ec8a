"""Growth curves as SVG pictures of the recorded tables.

``python -m load.pictures`` redraws them in ``load/results/pictures/``; a test compares them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from matplotlib.axes import Axes

from load import record
from load.library.growth import HORIZON, NODES, WORKS
from load.record import Record, Table
from training.evaluation.reports.svg import apply_style, line, panels

RUN = "growth"
FOLDER = Path(__file__).resolve().parent / "results" / "pictures"


def charts_of(run: Record) -> Iterator[tuple[str, str]]:
    """Yield the file name and SVG of each chart; the same record gives the same bytes."""
    for table, of in ((run.table(NODES), "nodes"), (run.table(HORIZON), "days")):
        for unit, kind in (("s", "seconds"), ("MiB", "memory")):
            with apply_style():
                yield f"growth-{of}-{kind}.svg", _picture(table, of, unit)


def draw(folder: Path = FOLDER, records: Path = record.FOLDER) -> None:
    """Write all charts of the recorded growth."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in charts_of(record.read(RUN, folder=records)):
        (folder / name).write_text(svg, encoding="utf-8")


def _picture(table: Table, of: str, unit: str) -> str:
    """Return a chart with a line for each work; on its log-log axes a power law is straight."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for x, work, y in zip(*map(table.column, (of, "work", unit)), strict=True):
        assert isinstance(x, int | float)
        assert isinstance(y, int | float)
        curves.setdefault(str(work), []).append((x, y))

    def draw(axes: Axes, _: str) -> None:
        axes.set_xscale("log")
        axes.set_yscale("log")
        for place, work in enumerate(WORKS):
            if points := curves.get(work):
                line(axes, [x for x, _ in points], [y or None for _, y in points], place, work)
        ticks = sorted({x for points in curves.values() for x, _ in points})
        axes.set_xticks(ticks, [f"{x:,.0f}" for x in ticks])
        axes.minorticks_off()
        axes.set_xlabel(of)

    return panels([""], draw, y=unit)


if __name__ == "__main__":
    draw()
