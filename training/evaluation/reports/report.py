"""The backtest report: one self-contained HTML page of tables and charts."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

from training.evaluation.backtest_result import Document
from training.evaluation.reports import report_tables
from training.evaluation.reports.charts import Chart, charts_of
from training.evaluation.reports.page import render_page, render_paragraph, render_table, write_page

REPORT_FILE = "report.html"


def write_report(document: Document, path: Path) -> None:
    """Write the page of a backtest's document."""
    write_page(report(document), path)


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
        + render_table(report_tables.coverage_table(document))
        + render_table(report_tables.bootstrap_table(document))
        + wis
        + render_table(report_tables.wis_table(document)),
    }
    return render_page(title, sections)


def _render_windows(document: Document) -> str:
    text = render_paragraph(
        "The model was fitted anew before each window, on the days up to its origin, and has seen "
        "nothing later. Incoherence is the largest difference of a node's forecast from the sum "
        "of its bottom series, relative to that sum."
    )
    if shared := report_tables.select_overlapping_holdout(document):
        text += render_paragraph(
            f"Note: {len(shared)} averaged windows hold days of the holdout too; a choice that is "
            "made by them has seen those days."
        )
    return (
        text
        + render_table(report_tables.data_table(document))
        + render_table(report_tables.roles_table(document))
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
        render_paragraph(
            "RMSLE is over all bottom series and days; WRMSSE is the mean over the levels. Lower "
            "is better for both. Models other than ours are baselines, each fitted to the same "
            "days."
        )
        + "".join(map(render_table, tables))
        + ("" if previous else render_paragraph("No previous bundle was scored."))
    )


def _render_levels(document: Document) -> str:
    return "".join(
        render_table(report_tables.models_by_level_table(document, group))
        + render_table(report_tables.levels_table(document, group))
        for group in document["means"]
    )


def _describe_intervals(document: Document) -> str:
    intervals = document["intervals"]
    calibration, evaluation = intervals["calibration_origins"], intervals["evaluation_origins"]
    calibrated, judged = (
        report_tables.freezing_dates(intervals[f"{role}_frozen_at"])
        for role in ("calibration", "evaluation")
    )
    return render_paragraph(
        "The intervals are calibrated on the errors of "
        f"{calibrated}, at {len(calibration)} "
        f"origins ({calibration[0]} to {calibration[-1]}), and judged by those of "
        f"{judged}, at {len(evaluation)} later "
        f"ones ({evaluation[0]} to {evaluation[-1]}). The normal approximation has each node's "
        "mean squared error at the same origins as its variance."
    )


def _render_figure(picture: Chart) -> str:
    data = base64.b64encode(picture.svg.encode()).decode()
    return (
        f'<figure><img src="data:image/svg+xml;base64,{data}" alt="{escape(picture.alt)}">'
        f"<figcaption>{escape(picture.title)}</figcaption></figure>"
    )
