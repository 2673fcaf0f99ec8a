"""Options for the layout of text tables, and the output of warnings about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.progress import warn
from features.data.findings import Report, Severity
from features.data.reading.layout import DateOrder, DecimalMark, Delimiter

if TYPE_CHECKING:
    from features.data.reading.layout import TableLayout

DelimiterOption = Annotated[
    Delimiter, typer.Option("--delimiter", help="What separates the values of a CSV file.")
]
DecimalOption = Annotated[
    DecimalMark, typer.Option("--decimal", help="What separates the fraction of a number in text.")
]
DatesOption = Annotated[
    DateOrder,
    typer.Option("--dates", help="Order of a date's parts beside YYYY-MM-DD: 31.12.2023 is dmy."),
]


def layout_of(delimiter: Delimiter, decimal: DecimalMark, dates: DateOrder) -> TableLayout:
    """Return the layout that the options state."""
    from features.data.reading.layout import TableLayout

    return TableLayout(delimiter=delimiter, decimal=decimal, dates=dates)


def show_warnings(report: Report) -> None:
    """Print a line for each kind of warning: its first finding, and how many there are."""
    for line in report.summary_lines(Severity.WARNING):
        warn(line)
