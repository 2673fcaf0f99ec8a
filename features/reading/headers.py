"""Finds the wanted columns in a header, and says what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from features.findings import Finding, Report, Severity
from features.reading.layout import Delimiter, TableLayout
from features.reading.names import canonical

_SHOWN = 12


@dataclass(frozen=True)
class Header:
    """Where the wanted columns are.

    Attributes:
        width: columns of the file.
        positions: index of each wanted column.
        delimiters_inside: delimiters that are part of a column's name.
    """

    width: int
    positions: Mapping[str, int]
    delimiters_inside: int = 0


def read_header(
    names: Sequence[str],
    wanted: Sequence[str],
    file: str,
    layout: TableLayout,
    report: Report,
) -> Header | None:
    """Return where the columns are; None where one is missing or doubled, which is reported.

    A name that differs by blanks or case is accepted with a warning.
    """
    by_name: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        by_name.setdefault(canonical(name).casefold(), []).append(index)
    if (other := _other_delimiter(names, wanted, layout)) is not None:
        report.add(_wrong_delimiter(file, other, layout))
        return None
    at = {name: by_name.get(name, []) for name in wanted}
    _report_faults(at, names, file, report)
    if any(len(found) != 1 for found in at.values()):
        return None
    for name, (index,) in at.items():
        if names[index] != name:
            message = f"the header {names[index]!r} is read as {name}"
            report.add(Finding(Severity.WARNING, "header-name", file, message, column=name))
    inside = sum(name.count(layout.delimiter.character) for name in names)
    return Header(len(names), {name: found[0] for name, found in at.items()}, inside)


def _report_faults(
    at: Mapping[str, list[int]], names: Sequence[str], file: str, report: Report
) -> None:
    for name, found in at.items():
        if not found:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            present = ", ".join(map(_short, names[:_SHOWN])) or "no header"
            message = f"is missing; the file has {present}{more}"
            report.add(Finding(Severity.ERROR, "column-missing", file, message, column=name))
        elif len(found) > 1:
            written = " and ".join(f"{names[index]!r} (column {index + 1})" for index in found)
            message = f"is there {len(found)} times: {written}"
            advice = "keep the one that is meant"
            report.add(
                Finding(Severity.ERROR, "column-twice", file, message, column=name, advice=advice)
            )


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:40]}…"


def _other_delimiter(
    names: Sequence[str], wanted: Sequence[str], layout: TableLayout
) -> Delimiter | None:
    """Return the delimiter under which the header would name the columns, if not this one."""
    line = layout.delimiter.character.join(names)
    current = _count_named(names, wanted)
    for delimiter in Delimiter:
        if delimiter is layout.delimiter:
            continue
        pieces = [piece.strip().strip('"') for piece in line.split(delimiter.character)]
        if len(pieces) > 1 and _count_named(pieces, wanted) > max(current, len(wanted) // 2):
            return delimiter
    return None


def _count_named(names: Sequence[str], wanted: Sequence[str]) -> int:
    return len({canonical(name).casefold() for name in names} & set(wanted))


def _wrong_delimiter(file: str, other: Delimiter, layout: TableLayout) -> Finding:
    message = f"uses {other.plural}; expected {layout.delimiter.plural}"
    option = "leave out --delimiter" if other is Delimiter.COMMA else f"pass --delimiter '{other}'"
    advice = f"{option}, or save the file with {layout.delimiter.plural}"
    return Finding(Severity.ERROR, "delimiter", file, message, row=1, advice=advice)
