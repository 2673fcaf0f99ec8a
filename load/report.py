"""The report of a load run: one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from load.memory import Sample
from load.outcome import Verdict
from load.page import format_cell
from load.record import Table

WIDTH, HEIGHT = 800, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 10, 10, 10
_MARKS = 4
_MIB = 2**20


@dataclass(frozen=True)
class Outcome:
    """The results of a run.

    Attributes:
        facts: its conditions, in words.
        tables: latencies.
        wrong: number of failures of each check that failed.
        memory, samples: memory of the workers, as a table and as samples by process id.
    """

    scenario: str
    facts: Mapping[str, str]
    verdicts: Sequence[Verdict]
    tables: Sequence[Table]
    wrong: Mapping[str, int]
    memory: Table
    samples: Mapping[int, Sequence[Sample]] = field(repr=False)

    @property
    def failed(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if not verdict.holds]


def write(outcome: Outcome, path: Path) -> None:
    path.write_text(page(outcome), encoding="utf-8")


def page(outcome: Outcome) -> str:
    """Return the page as HTML; the same outcome gives the same page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(format_cell=format_cell, plain=plain)
    return environment.get_template("report.html").render(
        scenario=outcome.scenario,
        facts=outcome.facts,
        verdicts=outcome.verdicts,
        failed=outcome.failed,
        tables=outcome.tables,
        wrong=outcome.wrong,
        memory=outcome.memory if outcome.memory.rows else None,
        curves=_curves([samples for samples in outcome.samples.values() if len(samples) > 1]),
        width=WIDTH,
        height=HEIGHT,
    )


def plain(caption: str) -> str:
    """Remove the marks of Markdown from a caption."""
    return caption.replace("`", "")


def _curves(workers: Sequence[Sequence[Sample]]) -> dict[str, Any] | None:
    """Return the curves of memory over time, on an axis from zero so that a flat one looks flat."""
    if not workers:
        return None
    seconds = max(samples[-1].at for samples in workers)
    most = max(sample.bytes for samples in workers for sample in samples) / _MIB * 1.1

    def across(at: float) -> float:
        return _LEFT + at / seconds * (WIDTH - _LEFT - _RIGHT)

    def down(mib: float) -> float:
        return HEIGHT - _BOTTOM - mib / most * (HEIGHT - _TOP - _BOTTOM)

    marks = [most * number / _MARKS for number in range(_MARKS + 1)]
    return {
        "seconds": round(seconds),
        "marks": [{"place": round(down(mark), 1), "label": f"{mark:.0f}"} for mark in marks],
        "lines": [
            " ".join(f"{across(s.at):.1f},{down(s.bytes / _MIB):.1f}" for s in samples)
            for samples in workers
        ],
    }
