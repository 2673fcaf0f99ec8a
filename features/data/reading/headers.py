"""Finds the wanted columns in a header, and reports its faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from features.data.findings import Finding, Report, Severity
from features.data.reading.layout import Delimiter, TableLayout
from features.data.reading.names import canonical

_MAX_LISTED = 12


@dataclass(frozen=True)
class Header:
    """Positions of the wanted columns in a file.

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
    """Return the columns' positions; None if one is missing or duplicate (reported).

    A name that differs by blanks or case is accepted with a warning.
    """
    by_name: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        by_name.setdefault(canonical(name).casefold(), []).append(index)
    if (other := _find_other_delimiter(names, wanted, layout)) is not None:
        report.add(_make_delimiter_finding(file, other, layout))
        return None
    at = {name: by_name.get(canonical(name).casefold(), []) for name in wanted}
    _report_faults(at, names, file, report)
    if any(len(indices) != 1 for indices in at.values()):
        return None
    for name, (index,) in at.items():
        if names[index] != name:
            message = f"the header {names[index]!r} is read as {name}"
            report.add(Finding(Severity.WARNING, "header-name", file, message, column=name))
    inside = sum(name.count(layout.delimiter.character) for name in names)
    return Header(len(names), {name: indices[0] for name, indices in at.items()}, inside)


def _report_faults(
    at: Mapping[str, list[int]], names: Sequence[str], file: str, report: Report
) -> None:
    for name, indices in at.items():
        if not indices:
            more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
            present = ", ".join(map(_shorten_name, names[:_MAX_LISTED])) or "no header"
            message = f"is missing; the file has {present}{more}"
            report.add(Finding(Severity.ERROR, "column-missing", file, message, column=name))
        elif len(indices) > 1:
            written = " and ".join(f"{names[index]!r} (column {index + 1})" for index in indices)
            message = f"is there {len(indices)} times: {written}"
            advice = "keep the one that is meant"
            report.add(
                Finding(Severity.ERROR, "column-twice", file, message, column=name, advice=advice)
            )


def _shorten_name(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:40]}…"


def _find_other_delimiter(
    names: Sequence[str], wanted: Sequence[str], layout: TableLayout
) -> Delimiter | None:
    """Return the other delimiter under which the header matches more columns, if any.

    Where all columns are wanted, whatever they are, one that divides a header of a single column.
    """
    line = layout.delimiter.character.join(names)
    current = _count_matches(names, wanted)
    for delimiter in Delimiter:
        if delimiter is layout.delimiter:
            continue
        pieces = [piece.strip().strip('"') for piece in line.split(delimiter.character)]
        likelier = _count_matches(pieces, wanted) > max(current, len(wanted) // 2)
        if len(pieces) > 1 and (likelier or (len(names) == 1 and list(wanted) == list(names))):
            return delimiter
    return None


def _count_matches(names: Sequence[str], wanted: Sequence[str]) -> int:
    folded = {canonical(name).casefold() for name in wanted}
    return len({canonical(name).casefold() for name in names} & folded)


def _make_delimiter_finding(file: str, other: Delimiter, layout: TableLayout) -> Finding:
    message = f"uses {other.plural}; expected {layout.delimiter.plural}"
    option = "leave out --delimiter" if other is Delimiter.COMMA else f"pass --delimiter '{other}'"
    advice = f"{option}, or save the file with {layout.delimiter.plural}"
    return Finding(Severity.ERROR, "delimiter", file, message, row=1, advice=advice)
