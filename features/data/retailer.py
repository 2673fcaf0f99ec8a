"""Reads ``retailer.yaml``, in which a retailer states what its tables mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from features.data.findings import SPECIFICATION, Finding, Report, Severity
from features.data.inference import Understanding, infer
from features.data.reading.files import list_tables
from features.data.reading.layout import TableLayout
from features.data.specification import FAVORITA
from features.data.stated import RETAILER_FILE, Stated
from features.data.statement_checks import RetailerError

_FAVORITA_TABLES = frozenset({"train", "stores", "oil", "holidays_events", "transactions"})
"""Tables in the form of the Favorita data."""
_OF_KEY = "[key]"
"""Part of a location that stands for the key of a mapping, not its value (pydantic's)."""


def specify(folder: Path, layout: TableLayout, report: Report) -> Understanding | None:
    """Return the specification of a folder of tables, and what it leaves out.

    It is that of the Favorita data for a folder without a `RETAILER_FILE`.

    Returns:
        None if the file is at fault, or does not fit the tables (reported).
    """
    path = folder / RETAILER_FILE
    if not path.exists():
        tables = list_tables(folder)
        if tables and len(_FAVORITA_TABLES.intersection(tables)) < 2:
            report.add(_missing_file(folder, tables))
            return None
        return Understanding(FAVORITA)
    stated = read_stated(path, report)
    return None if stated is None else understand(folder, stated, layout, report)


def _missing_file(folder: Path, tables: Iterable[str]) -> Finding:
    return Finding(
        Severity.ERROR,
        SPECIFICATION,
        "",
        f"holds no {RETAILER_FILE}, which states what its tables mean ({', '.join(tables)})",
        advice=f"mlrf init {folder} writes one; without it, the folder must hold the tables "
        f"{', '.join(sorted(_FAVORITA_TABLES))}",
    )


def understand(
    folder: Path, stated: Stated, layout: TableLayout, report: Report
) -> Understanding | None:
    """Return the specification that statements and tables make; None at a fault (reported)."""
    reading = Report()  # reading the tables again, by the specification, reports the same faults
    try:
        return infer(folder, stated, layout, reading)
    except RetailerError as error:
        for kind in reading.errors:
            report.add(*kind.findings, total=kind.count)
        report.add(_fault(error.key, str(error)))
        return None


def read_stated(path: Path, report: Report) -> Stated | None:
    """Return what a retailer's file states; None if it cannot be read (reported)."""
    try:
        document = yaml.safe_load(path.read_bytes())
    except OSError as error:
        report.add(_fault("", f"cannot be read: {(error.strerror or 'the volume failed').lower()}"))
        return None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it is not text"
        line = None if mark is None else mark.line + 1
        report.add(_fault("", f"is not YAML: {problem}", line))
        return None
    if not isinstance(document, Mapping):
        report.add(
            _fault("", "holds no keys; `series` at least is expected: series: [store, item]")
        )
        return None
    try:
        return Stated.model_validate(document)
    except ValidationError as error:
        report.add(*(_fault(key, message) for key, message in describe_faults(error)))
        return None


def describe_faults(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Yield the key and the description of each fault of a retailer's statements."""
    for fault in error.errors(include_url=False):
        location = [part for part in fault["loc"] if part != _OF_KEY]
        yield ".".join(map(str, location)), _describe(fault)


def _describe(fault: Mapping[str, Any]) -> str:
    value, message = fault["input"], str(fault["msg"])
    match fault["type"]:
        case "extra_forbidden":
            return _describe_unknown(fault["loc"])
        case "literal_error" if fault["loc"][-1] == _OF_KEY:
            return f"there is no such key; there are {fault['ctx']['expected']}"
        case "missing":
            return "is missing; it names the columns of a series, such as [store, item]"
        case "tuple_type":
            return f"{value!r} is no list of names, such as [store, item]"
        case "too_short":
            return "is empty; name at least one column"
        case "string_pattern_mismatch":
            return f"{value!r} is no code of a country; write two capitals, such as US"
        case "string_type" if isinstance(value, bool | int | float):
            kind = "true or false" if isinstance(value, bool) else "a number"
            return f"YAML reads the value as {kind} ({value}); write it in quotes"
    return f"{value!r}: {message[:1].lower()}{message[1:]}"


def _describe_unknown(location: Sequence[str | int]) -> str:
    """Return the text of a key that there is not, with those that may have been meant."""
    known, name = list(_keys_at(location[:-1])), str(location[-1])
    close = get_close_matches(name, known, n=1)
    return "there is no such key; " + (
        f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    )


def _keys_at(location: Sequence[str | int]) -> Iterable[str]:
    """Return the keys of the part of the statements at a location."""
    model: type[BaseModel] = Stated
    for name in location:
        field = model.model_fields.get(str(name))
        if field is not None:  # else a name that the retailer chose, within the same part
            kinds = (field.annotation, *get_args(field.annotation))
            model = next(
                each for each in kinds if isinstance(each, type) and issubclass(each, BaseModel)
            )
    return model.model_fields


def _fault(key: str, message: str, row: int | None = None) -> Finding:
    return Finding(
        Severity.ERROR, SPECIFICATION, RETAILER_FILE, message, row=row, column=key or None
    )
