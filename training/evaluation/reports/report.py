"""The backtest report: one self-contained HTML page of tables and charts."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

from training.evaluation.backtest_result import Document
from training.evaluation.reports import report_tables
from training.evaluation.reports.charts import Chart, charts_of
from training.evaluation.reports.report_tables import Table

REPORT_FILE = "report.html"

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --page: #ffffff; --line: #d0d7de;
  --head: #f3f5f7; --link: #0059a3; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --page: #14181d;
  --line: #3d444d; --head: #1f252c; --link: #7cc0ff; } }
body { color: var(--ink); background: var(--page); font: 16px/1.5 system-ui, sans-serif;
  max-width: 75rem; margin: 0 auto; padding: 1rem; }
a { color: var(--link); }
.wide { overflow-x: auto; margin: 1.5rem 0; }
table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 0.3rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: 0.25rem 0.7rem; text-align: right; }
th { background: var(--head); } th:first-child, .text { text-align: left; }
figure { margin: 1.5rem 0; } figcaption { font-weight: 600; } img { max-width: 100%; height: auto; }
"""


def write_report(document: Document, path: Path) -> None:
    """Write the page of a backtest's document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report(document), encoding="utf-8")


def report(document: Document) -> str:
    """Render the page as HTML; the same document gives the same page."""
    title = f"Backtest of {document['snapshot']}"
    rmsle, wape, coverage, wis = map(_render_figure, charts_of(document))
    sections = {
        "Data and windows": _render_windows(document),
        "Accuracy": rmsle + _render_accuracy(document),
        "By level and days ahead": wape + _render_levels(document),
        "Intervals": _describe_intervals(document)
        + coverage
        + _render_table(report_tables.coverage_table(document))
        + _render_table(report_tables.bootstrap_table(document))
        + wis
        + _render_table(report_tables.wis_table(document)),
    }
    links = "".join(
        f'<li><a href="#part-{place}">{escape(name)}</a></li>'
        for place, name in enumerate(sections)
    )
    body = "".join(
        f'<section aria-labelledby="part-{place}"><h2 id="part-{place}">{escape(name)}</h2>'
        f"{content}</section>"
        for place, (name, content) in enumerate(sections.items())
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<header><h1>{escape(title)}</h1><nav aria-label='Parts'><ul>{links}</ul></nav></header>"
        f"<main>{body}</main></body></html>\n"
    )


def _render_windows(document: Document) -> str:
    text = _render_paragraph(
        "The model was fitted anew before each window, on the days up to its origin, and has seen "
        "nothing later. Incoherence is the largest difference of a node's forecast from the sum "
        "of its bottom series, relative to that sum."
    )
    if shared := report_tables.select_overlapping_holdout(document):
        text += _render_paragraph(
            f"Note: {len(shared)} averaged windows hold days of the holdout too; a choice that is "
            "made by them has seen those days."
        )
    return (
        text
        + _render_table(report_tables.data_table(document))
        + _render_table(report_tables.roles_table(document))
    )


def _render_accuracy(document: Document) -> str:
    previous = report_tables.previous_table(document)
    tables = [
        report_tables.means_table(document),
        report_tables.holdout_table(document),
        report_tables.windows_table(document, "rmsle"),
        report_tables.windows_table(document, "wrmsse"),
        *([previous] if previous else []),
    ]
    return (
        _render_paragraph(
            "RMSLE is over all bottom series and days; WRMSSE is the mean over the levels. Lower "
            "is better for both. Models other than ours are baselines, each fitted to the same "
            "days."
        )
        + "".join(map(_render_table, tables))
        + ("" if previous else _render_paragraph("No previous bundle was scored."))
    )


def _render_levels(document: Document) -> str:
    return "".join(
        _render_table(report_tables.models_by_level_table(document, group))
        + _render_table(report_tables.levels_table(document, group))
        for group in document["means"]
    )


def _describe_intervals(document: Document) -> str:
    intervals = document["intervals"]
    calibration, evaluation = intervals["calibration_origins"], intervals["evaluation_origins"]
    calibrated, judged = (
        report_tables.freezing_dates(intervals[f"{role}_frozen_at"])
        for role in ("calibration", "evaluation")
    )
    return _render_paragraph(
        "The intervals are calibrated on the errors of "
        f"{calibrated}, at {len(calibration)} "
        f"origins ({calibration[0]} to {calibration[-1]}), and judged by those of "
        f"{judged}, at {len(evaluation)} later "
        f"ones ({evaluation[0]} to {evaluation[-1]}). The normal approximation has each node's "
        "mean squared error at the same origins as its variance."
    )


def _render_paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _render_figure(picture: Chart) -> str:
    data = base64.b64encode(picture.svg.encode()).decode()
    return (
        f'<figure><img src="data:image/svg+xml;base64,{data}" alt="{escape(picture.alt)}">'
        f"<figcaption>{escape(picture.title)}</figcaption></figure>"
    )


def _render_table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.header)
    rows = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(map(_render_cell, row[1:]))}</tr>'
        for row in table.rows
    )
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{escape(table.caption)}">'
        f"<table><caption>{escape(table.caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _render_cell(text: str) -> str:
    return f"<td>{escape(text)}</td>"
