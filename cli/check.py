"""Command that checks tables: mlrf check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from cli.layout import DatesOption, DecimalOption, DelimiterOption, layout_of
from cli.tables import reads_tables
from config.settings import get_settings
from features.data.findings import Report, Severity
from features.data.reading.layout import DateOrder, DecimalMark, Delimiter


@reads_tables
def check(
    data: Path,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail the check too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    delimiter: DelimiterOption = Delimiter.COMMA,
    decimal: DecimalOption = DecimalMark.POINT,
    dates: DatesOption = DateOrder.YMD,
) -> None:
    """Check tables and list everything that is wrong with them, or looks wrong.

    Ends with 0 if they can be used, 1 if there is an error (or, with --strict, a warning), 2 if
    the command is not called rightly.
    """
    from features.data.parts.memory import Memory
    from features.data.tables import check_tables
    from lifecycle.screening import screening_of

    settings, report = get_settings(), Report()
    screening = screening_of(settings.store, settings.outliers)
    memory = Memory.of_setting(settings.memory_mib)
    layout = layout_of(delimiter, decimal, dates)
    check_tables(data, layout, report, screening=screening, memory=memory)
    if as_json:
        typer.echo(orjson.dumps(_report_document(report), option=orjson.OPT_INDENT_2).decode())
    else:
        for line in report.text_lines():
            typer.echo(line)
        typer.echo(_verdict_line(data, report))
    failed = report.errors or (strict and report.warnings)
    raise typer.Exit(1 if failed else 0)


def _report_document(report: Report) -> dict[str, object]:
    counts = {f"{severity}s": report.count(severity) for severity in Severity}
    return {"counts": counts, **report.to_dict()}


def _verdict_line(data: Path, report: Report) -> str:
    usable = "cannot be used" if report.errors else "can be used"
    counts = (
        f"{report.count(severity):,} {severity}{'' if report.count(severity) == 1 else 's'}"
        for severity in Severity
    )
    return f"{data} {usable}: {', '.join(counts)}."
