"""Commands that show and state what a retailer's tables mean: mlrf look, mlrf init."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.layout import DatesOption, DecimalOption, DelimiterOption, layout_of, show_warnings
from cli.progress import err
from cli.tables import reads_tables
from errors import InputError
from features.data.findings import Report
from features.data.reading.layout import DateOrder, DecimalMark, Delimiter, TableLayout

if TYPE_CHECKING:
    from features.data.stated import Stated
    from features.data.tables import CheckedTables

_FAVORITA_TABLES = frozenset({"train", "stores", "holidays_events"})
"""Tables by which a folder is taken for one in the form of the Favorita data."""

DataFolder = Annotated[Path, typer.Argument(help="Folder with the retailer's tables.")]


@reads_tables
def look(
    data: Path,
    delimiter: DelimiterOption = Delimiter.COMMA,
    decimal: DecimalOption = DecimalMark.POINT,
    dates: DatesOption = DateOrder.YMD,
) -> None:
    """Show what is understood of tables, and a whole retailer.yaml that states it."""
    from features.data.description import as_yaml

    layout = layout_of(delimiter, decimal, dates)
    tables = _read(data, _guess_unless_stated(data, layout), layout)
    show_understood(tables)
    show_warnings(tables.report)
    typer.echo("")
    typer.echo(as_yaml(tables.specification, _read_ignored(data)), nl=False)


def init(
    data: DataFolder,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: save what is guessed.")] = False,
    delimiter: DelimiterOption = Delimiter.COMMA,
    decimal: DecimalOption = DecimalMark.POINT,
    dates: DatesOption = DateOrder.YMD,
) -> None:
    """Write a retailer.yaml for tables, after a few questions."""
    from features.data.description import as_yaml
    from features.data.stated import RETAILER_FILE

    path = data / RETAILER_FILE
    if path.exists():
        raise InputError(f"{path} is there already; change it, or remove it first")
    layout = layout_of(delimiter, decimal, dates)
    stated = _guess(data, layout)
    tables = _read(data, stated if yes else _ask(stated), layout)
    show_understood(tables)
    try:
        path.write_text(as_yaml(tables.specification), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None
    err.print(f"Wrote {path}. To train: mlrf train {data}", highlight=False, markup=False)


def _read_ignored(data: Path) -> tuple[str, ...]:
    """Return the columns and tables that a retailer states to ignore."""
    from features.data.retailer import read_stated
    from features.data.stated import RETAILER_FILE

    path = data / RETAILER_FILE
    stated = read_stated(path, Report()) if path.exists() else None
    return stated.ignore if stated else ()


def show_understood(tables: CheckedTables) -> None:
    """Print what was understood of tables, a line for each topic."""
    from features.data.description import describe

    topics = list(describe(tables))
    width = max(len(topic) for topic, _ in topics)
    for topic, text in topics:
        err.print(f"{topic:{width}}  {text}", markup=False, highlight=False, soft_wrap=True)


def _guess_unless_stated(data: Path, layout: TableLayout) -> Stated | None:
    """Return a guess for tables that state nothing; None if they do, or have a known form."""
    from features.data.reading.files import list_tables
    from features.data.stated import RETAILER_FILE

    if not data.is_dir() or (data / RETAILER_FILE).exists():
        return None
    return None if set(list_tables(data)) >= _FAVORITA_TABLES else _guess(data, layout)


def _guess(data: Path, layout: TableLayout) -> Stated:
    """Return the statements that tables probably need, for a person to confirm.

    Raises:
        InputError: they cannot be guessed; the message names what must be stated.
    """
    from features.data.guess import guess
    from features.data.statement_checks import RetailerError

    if not data.is_dir():
        raise InputError(f"{data} is not a folder; DATA must name the folder that holds the tables")
    report = Report()
    try:
        return guess(data, layout, report)
    except RetailerError as error:
        if report.errors:  # faults of the files, of which this is a consequence
            raise _refusal(data, report) from None
        raise InputError(f"{data}, {error.key}: {error}") from None


def _ask(stated: Stated) -> Stated:
    """Return the statements that a person confirms or corrects."""
    from pydantic import ValidationError

    from features.data.retailer import describe_faults

    series = typer.prompt("Columns that name a series, the site first", ", ".join(stated.series))
    target = typer.prompt("Column of the sales", stated.target)
    missing = typer.prompt("Meaning of a day without a row: zero, unknown or closed", "zero")
    country = typer.prompt("Country whose public holidays count, such as US; - for none", "-")
    document = stated.model_dump(exclude_defaults=True) | {
        "series": [name.strip() for name in series.split(",")],
        "target": target,
        "missing": missing,
    }
    if country != "-":
        document["calendar"] = {**document.get("calendar", {}), "country": country}
    try:
        return type(stated).model_validate(document)
    except ValidationError as error:
        faults = "; ".join(f"{key}: {fault}" for key, fault in describe_faults(error))
        raise InputError(f"That does not fit: {faults}") from None


def _read(data: Path, stated: Stated | None, layout: TableLayout) -> CheckedTables:
    """Read tables by what is stated, or by what they state themselves.

    Raises:
        InputError: something is wrong with them.
    """
    from features.data.retailer import understand
    from features.data.tables import read_tables, read_understood

    if stated is None:
        return read_tables(data, layout)
    report = Report()
    understanding = understand(data, stated, layout, report)
    tables = read_understood(data, understanding, layout, report) if understanding else None
    if tables is None:
        raise _refusal(data, report)
    return tables


def _refusal(data: Path, report: Report) -> InputError:
    """Print all findings about tables, and return the error that ends the command.

    `mlrf check` cannot list them: the tables state nothing yet.
    """
    from features.data.stated import RETAILER_FILE

    for line in report.text_lines():
        err.print(line, markup=False, highlight=False, soft_wrap=True)
    return InputError(
        f"{data} cannot be read by what was guessed or answered. Correct the tables, or write a "
        f"{RETAILER_FILE} that says what differs, and run mlrf check"
    )
