"""Vintages and the sums over their errors, in the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from storage.tables import FORECAST_VINTAGES, MODEL_PERFORMANCE, PERFORMANCE_SUMS, SCORED_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Vintage:
    """Forecasts of a release from one origin that are kept, or were.

    Attributes:
        name: of the folder in ``vintages/``.
        bundle, snapshot: of the release.
        origin: newest day whose sales the forecasts know.
        trained_through: last day of sales that the model was trained on.
        step_days, days: length of a step in days, and number of the steps that it forecasts.
        bytes: size of the file.
        adaptation: name of the adaptation of its intervals (see `models.adaptation`), if any.
    """

    name: str
    bundle: str
    snapshot: str
    origin: date
    trained_through: date
    step_days: int
    days: int
    bytes: int
    adaptation: str | None = None

    @property
    def last(self) -> date:
        """The last day that it forecasts."""
        return self.origin + timedelta(self.step_days * self.days)

    def horizon_of(self, day: date) -> int:
        """Return how many steps after the origin a day is."""
        return (day - self.origin).days // self.step_days

    def forecasts(self, day: date) -> bool:
        """Return whether it forecasts a day, which its model has not seen."""
        return max(self.origin, self.trained_through) < day <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Sums over the errors of the forecasts of a day.

    Attributes:
        level, node, volume: as in `models.error_sums.Group`.
        days_ahead: name of the bucket, such as ``8-16``.
        sums: by name, `PERFORMANCE_SUMS`.
    """

    day: date
    level: str
    node: str
    days_ahead: str
    sums: Mapping[str, float]
    volume: str = ""


def list_recorded(connection: Connection, *, removed: bool = True) -> list[Vintage]:
    """Return the vintages on record, the oldest origins first.

    Args:
        removed: include those whose folder is gone.
    """
    table = FORECAST_VINTAGES.c
    names = [table[name] for name in Vintage.__dataclass_fields__]
    query = select(*names).order_by(table.origin, table.name)
    if not removed:
        query = query.where(table.removed_at.is_(None))
    return [Vintage(**row) for row in connection.execute(query).mappings()]


def adopt_vintages(
    connection: Connection, present: Sequence[Vintage], *, at: datetime
) -> list[Vintage]:
    """Record the vintages that a store has, and which are gone; return those that are new."""
    table = FORECAST_VINTAGES.c
    rows = connection.execute(select(table.name, table.removed_at)).all()
    known = {row.name: row.removed_at for row in rows}
    names = {each.name for each in present}
    new = [each for each in present if each.name not in known]
    if new:
        connection.execute(
            insert(FORECAST_VINTAGES), [{**asdict(each), "added_at": at} for each in new]
        )
    back = [name for name in names if known.get(name)]
    gone = [name for name, removed in known.items() if removed is None and name not in names]
    for changed, value in ((back, None), (gone, at)):
        for name in changed:
            marked = update(FORECAST_VINTAGES).where(table.name == name)
            connection.execute(marked.values(removed_at=value))
    return new


def read_inputs(connection: Connection, bundle: str) -> dict[date, str]:
    """Return the digests of what the scored days of a bundle were computed from."""
    query = select(SCORED_DAYS.c.day, SCORED_DAYS.c.inputs).where(SCORED_DAYS.c.bundle == bundle)
    return {row.day: row.inputs for row in connection.execute(query)}


def replace_day(
    connection: Connection,
    bundle: str,
    day: date,
    performance: Iterable[Performance],
    *,
    inputs: str,
    at: datetime,
) -> None:
    """Write the sums of a day of a bundle in place of those that are there."""
    for table in (MODEL_PERFORMANCE, SCORED_DAYS):
        of_day = (table.c.bundle == bundle) & (table.c.day == day)
        connection.execute(delete(table).where(of_day))
    rows = [
        {
            "bundle": bundle,
            "day": each.day,
            "level": each.level,
            "node": each.node,
            "volume": each.volume,
            "days_ahead": each.days_ahead,
            **each.sums,
        }
        for each in performance
    ]
    if rows:
        connection.execute(insert(MODEL_PERFORMANCE), rows)
    scored = {"bundle": bundle, "day": day, "inputs": inputs, "at": at}
    connection.execute(insert(SCORED_DAYS), scored)


def newest_scored(connection: Connection, bundle: str) -> date | None:
    """Return the newest day of a bundle that was scored, or None."""
    query = select(func.max(SCORED_DAYS.c.day)).where(SCORED_DAYS.c.bundle == bundle)
    newest: date | None = connection.execute(query).scalar()
    return newest


def read_performance(
    connection: Connection,
    bundle: str,
    first: date,
    last: date,
    *,
    node: str | None = "",
    level: str | None = None,
    volume: str | None = "",
) -> list[Performance]:
    """Return the sums of the days of a span, in the order of the days.

    Args:
        node: of these nodes only; all where None. Empty for whole levels.
        level: of this level only; all where None.
        volume: of this class only; all where None. Empty for the nodes of every class together.
    """
    table = MODEL_PERFORMANCE.c
    query: Select[tuple[object, ...]] = select(MODEL_PERFORMANCE).where(
        table.bundle == bundle, table.day.between(first, last)
    )
    if node is not None:
        query = query.where(table.node == node)
    if level is not None:
        query = query.where(table.level == level)
    if volume is not None:
        query = query.where(table.volume == volume)
    return [
        Performance(
            day=row["day"],
            level=row["level"],
            node=row["node"],
            volume=row["volume"],
            days_ahead=row["days_ahead"],
            sums={name: row[name] for name in PERFORMANCE_SUMS},
        )
        for row in connection.execute(query.order_by(table.day)).mappings()
    ]
