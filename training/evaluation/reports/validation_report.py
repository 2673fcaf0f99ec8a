"""The page of a validation: the verdict, and the replayed days."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from features.data.specification import BOTTOM, TOTAL
from training.evaluation.reports.page import (
    Table,
    render_page,
    render_paragraph,
    render_table,
    write_page,
)

Document = dict[str, Any]

_NOTHING = "n/a"


def write_validation(document: Document, path: Path) -> None:
    """Write the page of a validation's report."""
    write_page(render_validation(document), path)


def render_validation(document: Document) -> str:
    """Render the page as HTML; the same report gives the same page."""
    rivals = {f"{each['role']} {each['bundle']}": each for each in document["rivals"]}
    sections = {
        f"Verdict: {document['verdict']}": "".join(map(render_paragraph, document["reasons"])),
        "Accuracy of the active model": render_table(
            _figures_table(f"{document['bundle']}, by level and days ahead", document["figures"])
        ),
        **{
            f"The {name}": render_table(
                _figures_table(f"{each['days']} days that are new to both", each["figures"])
            )
            for name, each in rivals.items()
            if each["figures"]
        },
        "Day by day": "".join(
            render_table(_days_table(level, document["daily"])) for level in (TOTAL, BOTTOM)
        ),
    }
    return render_page(f"Validation of {document['bundle']} on {document['snapshot']}", sections)


def _figures_table(caption: str, figures: list[Document]) -> Table:
    header = (
        "Level",
        "Days ahead",
        "Days",
        "WAPE",
        "90 % interval",
        "Last week's weekday",
        "Bias",
        "RMSLE",
        "Within 80 %",
        "Within 95 %",
    )
    return Table(
        caption,
        header,
        tuple(
            (
                each["level"],
                each["days_ahead"],
                str(each["days"]),
                _percent(each["wape"]),
                f"{_percent(each['wape_low'])} to {_percent(each['wape_high'])}",
                _percent(each["naive_wape"]),
                _percent(each["bias"]),
                _NOTHING if each["rmsle"] is None else f"{each['rmsle']:.3f}",
                _percent(each["coverage"]["80"]),
                _percent(each["coverage"]["95"]),
            )
            for each in figures
        ),
    )


def _days_table(level: str, daily: list[Document]) -> Table:
    return Table(
        f"Level {level}",
        ("Day", "WAPE", "Last week's weekday", "Bias"),
        tuple(
            (
                each["day"],
                _percent(each["wape"]),
                _percent(each["naive_wape"]),
                _percent(each["bias"]),
            )
            for each in daily
            if each["level"] == level
        ),
    )


def _percent(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.1%}"
