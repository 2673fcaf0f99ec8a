"""Sales that were reported by calls, ahead of the tables.

A report is an upsert by series and day: what is said again changes nothing, and what is said
otherwise replaces what was known, which stays as a correction. Days that the tables have are read
from the tables; a report of such a day is kept and has no effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Engine, bindparam, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from storage.audit import Actor
from storage.database import advisory_lock, reading, writing
from storage.tables import (
    ACTUAL_CORRECTIONS,
    ACTUAL_REPORTS,
    ACTUAL_SERIES,
    ACTUALS,
    fit_text,
)

_LOCK = "actuals"
_NAMES = 500
"""Names in one query: SQLite's parameters are limited."""


@dataclass(frozen=True, slots=True)
class Actual:
    """Units that a series sold on a day."""

    node: str
    day: date
    units: float


@dataclass(frozen=True, slots=True)
class Reported:
    """Changes that a report has made.

    Attributes:
        added: rows that were not known.
        corrected: rows that were known with other units.
        unchanged: rows that were known.
    """

    added: int
    corrected: int
    unchanged: int


class ActualStore:
    """The reported sales of a database. Its methods block.

    Raises StorageError where the database fails.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def report(self, actuals: Sequence[Actual], *, by: Actor, at: datetime) -> Reported:
        """Add or replace units sold, all of them or none.

        Args:
            actuals: no series and day twice.
        """
        with writing(self._engine) as connection:
            advisory_lock(connection, _LOCK)
            series = _number_series(connection, {each.node for each in actuals})
            wanted = {(each.day, series[each.node]): each.units for each in actuals}
            known = _find(connection, {each.day for each in actuals}, set(series.values()))
            changed = {
                key: units for key, units in wanted.items() if known.get(key, (None,))[0] != units
            }
            corrected = [key for key in changed if key in known]
            if changed:
                report = _add_report(connection, by, at, len(changed))
                _keep_corrections(connection, {key: known[key] for key in corrected}, report)
                _write(connection, changed, report)
        return Reported(
            added=len(changed) - len(corrected),
            corrected=len(corrected),
            unchanged=len(wanted) - len(changed),
        )

    def read(self, first: date, last: date) -> dict[date, dict[str, float]]:
        """Return the units reported for the days of a span, by day and node."""
        query = (
            select(ACTUALS.c.day, ACTUAL_SERIES.c.node, ACTUALS.c.units)
            .join(ACTUAL_SERIES, ACTUAL_SERIES.c.id == ACTUALS.c.series)
            .where(ACTUALS.c.day.between(first, last))
        )
        by_day: dict[date, dict[str, float]] = {}
        with reading(self._engine) as connection:
            for day, node, units in connection.execute(query):
                by_day.setdefault(day, {})[node] = units
        return by_day

    def newest_report(self) -> int:
        """Return the number of the newest report; 0 where there is none."""
        with reading(self._engine) as connection:
            return connection.execute(select(func.max(ACTUAL_REPORTS.c.id))).scalar() or 0


def _number_series(connection: Connection, nodes: set[str]) -> dict[str, int]:
    """Return the numbers of series, and add those that have none."""
    known = _find_numbers(connection, nodes)
    new = sorted(nodes - known.keys())
    if new:
        connection.execute(insert(ACTUAL_SERIES), [{"node": node} for node in new])
        known |= _find_numbers(connection, set(new))
    return known


def _find_numbers(connection: Connection, nodes: Iterable[str]) -> dict[str, int]:
    names, numbers = sorted(nodes), {}
    for start in range(0, len(names), _NAMES):
        chosen = ACTUAL_SERIES.c.node.in_(names[start : start + _NAMES])
        query = select(ACTUAL_SERIES.c.node, ACTUAL_SERIES.c.id).where(chosen)
        numbers.update({row.node: row.id for row in connection.execute(query)})
    return numbers


_Key = tuple[date, int]


def _find(
    connection: Connection, days: set[date], series: set[int]
) -> dict[_Key, tuple[float, int]]:
    """Return the units known for days and series, with the report that said so."""
    query = select(ACTUALS).where(ACTUALS.c.day == bindparam("of_day"))
    if len(series) <= _NAMES:  # else the whole day is read
        query = query.where(ACTUALS.c.series.in_(sorted(series)))
    return {
        (row.day, row.series): (row.units, row.report)
        for day in sorted(days)
        for row in connection.execute(query, {"of_day": day})
    }


def _add_report(connection: Connection, by: Actor, at: datetime, rows: int) -> int:
    values = {
        "at": at,
        "actor": fit_text(ACTUAL_REPORTS.c.actor, by.name),
        "request_id": by.request_id,
        "rows": rows,
    }
    (key,) = connection.execute(insert(ACTUAL_REPORTS).values(values)).inserted_primary_key or (0,)
    return int(key)


def _keep_corrections(
    connection: Connection, before: Mapping[_Key, tuple[float, int]], report: int
) -> None:
    rows = [
        {
            "day": day,
            "series": series,
            "units": units,
            "report": earlier,
            "corrected_by": report,
        }
        for (day, series), (units, earlier) in before.items()
    ]
    if rows:
        connection.execute(insert(ACTUAL_CORRECTIONS), rows)


def _write(connection: Connection, changed: Mapping[_Key, float], report: int) -> None:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    added = dialect.insert(ACTUALS)
    connection.execute(
        added.on_conflict_do_update(
            index_elements=list(ACTUALS.primary_key.columns),
            set_={"units": added.excluded.units, "report": added.excluded.report},
        ),
        [
            {"day": day, "series": series, "units": units, "report": report}
            for (day, series), units in changed.items()
        ],
    )
