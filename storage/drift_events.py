"""Drift events in the database: states of tests that were noticed, and how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from storage.database import reading
from storage.tables import DRIFT_EVENTS, fit_text


class Detector(StrEnum):
    """Test that noticed a drift.

    Attributes:
        LOSS: errors are larger than those of the reference.
        IMPROVEMENT: errors are smaller.
        TOO_HIGH, TOO_LOW: forecasts are biased, day after day.
        COVERAGE_80, COVERAGE_95: too many days miss their intervals of 80 or 95 %.
        DAY_ERROR: the errors of a single day are out of all proportion.
        WORSE_THAN_NAIVE: last week's same weekday is as good as the forecasts.
        FEATURES: features have other values than in this season of the reference.
        UNSEEN: series or holidays with categories that the model has not seen.
        COVARIATE_MISSING: a covariate of the days ahead is not delivered as it was.
        COVARIATE_UNUSED: a covariate is 0 everywhere, or nearly, where it was not in this season.
        NEW_SERIES: series that began to sell after the training.
        SILENT_SERIES: series that stopped selling while their site sells.
        SILENT_SITE: a site that sells nothing while others do.
        STALE_DATA: no newer data have arrived.
    """

    LOSS = "loss"
    IMPROVEMENT = "improvement"
    TOO_HIGH = "too_high"
    TOO_LOW = "too_low"
    COVERAGE_80 = "coverage_80"
    COVERAGE_95 = "coverage_95"
    DAY_ERROR = "day_error"
    WORSE_THAN_NAIVE = "worse_than_naive"
    FEATURES = "features"
    UNSEEN = "unseen"
    COVARIATE_MISSING = "covariate_missing"
    COVARIATE_UNUSED = "covariate_unused"
    NEW_SERIES = "new_series"
    SILENT_SERIES = "silent_series"
    SILENT_SITE = "silent_site"
    STALE_DATA = "stale_data"


class Severity(StrEnum):
    """Urgency of an event for a person.

    Attributes:
        INFO: for the record.
        WARNING: within days.
        CRITICAL: today: forecasts are wrong by a quarter or more, or data are missing.
    """

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftEvent:
    """A drift that was noticed.

    Attributes:
        bundle: name of the bundle whose forecasts or inputs drift.
        detector: test that noticed it.
        subject: what drifts: a level, the id of a node, a covariate, a group of features.
        bucket: days ahead, such as `8-16`; empty where a test has none.
        severity: how soon to look at it.
        figure: what was measured last.
        reference: the same in the reference.
        since: first day of the drift, as the test estimates it.
        opened: day on which the test noticed it.
        judged: last day that it was judged by.
        quiet: first day since which the figure is back below its lower limit; None if it is not.
        closed: day on which it was over; None while it is open.
        message: what drifts, for a person.
        look: call or page that shows more.
        id: its number; 0 until it is stored.
    """

    bundle: str
    detector: Detector
    subject: str
    bucket: str
    severity: Severity
    figure: float
    reference: float
    since: date
    opened: date
    judged: date
    quiet: date | None = None
    closed: date | None = None
    message: str
    look: str
    id: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """The test and the subject: a bundle has at most one open event of each pair."""
        return self.detector, self.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Choice of events; all where nothing is stated.

    Attributes:
        bundle, detector, severity, subject: only those of it.
        is_open: only those that are open, or only those that are over.
        since: only those that were noticed on this day or later, and those that are open.
    """

    bundle: str | None = None
    detector: Detector | None = None
    severity: Severity | None = None
    subject: str | None = None
    is_open: bool | None = None
    since: date | None = None


class DriftHistory:
    """Reader of the events of a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list(self, wanted: EventFilter, limit: int, before: int | None) -> list[DriftEvent]:
        """Return events, the newest first.

        Args:
            limit: largest number of them.
            before: only those with smaller numbers, for the next page.

        Raises:
            StorageError: the database fails.
        """
        with reading(self._engine) as connection:
            return list_events(connection, wanted, limit=limit, before=before)

    def find(self, number: int) -> DriftEvent | None:
        """Return the event of a number, or None.

        Raises:
            StorageError: the database fails.
        """
        query = select(DRIFT_EVENTS).where(DRIFT_EVENTS.c.id == number)
        with reading(self._engine) as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _event_of(dict(row))


_TEXTS = ("bundle", "subject", "bucket", "message", "look")


def add_event(connection: Connection, event: DriftEvent) -> int:
    """Add an event and return its number; texts are cut to the length of their columns."""
    done = connection.execute(insert(DRIFT_EVENTS).values(**_row_of(event)))
    (key,) = done.inserted_primary_key or (0,)
    return int(key)


def write_event(connection: Connection, event: DriftEvent) -> None:
    """Replace an event by its newer state."""
    table = DRIFT_EVENTS
    connection.execute(update(table).where(table.c.id == event.id).values(**_row_of(event)))


def list_events(
    connection: Connection,
    wanted: EventFilter,
    *,
    limit: int | None = None,
    before: int | None = None,
) -> list[DriftEvent]:
    """Return events, the newest first; see `DriftHistory.list`."""
    columns = DRIFT_EVENTS.c
    query = select(DRIFT_EVENTS).order_by(columns.id.desc()).limit(limit)
    for name in ("bundle", "detector", "severity", "subject"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(columns[name] == str(value))
    if wanted.is_open is not None:
        over = columns.closed.is_not(None)
        query = query.where(columns.closed.is_(None) if wanted.is_open else over)
    if wanted.since is not None:
        query = query.where(columns.closed.is_(None) | (columns.opened >= wanted.since))
    if before is not None:
        query = query.where(columns.id < before)
    return [_event_of(dict(row)) for row in connection.execute(query).mappings()]


def apply_changes(connection: Connection, events: Sequence[DriftEvent]) -> list[DriftEvent]:
    """Store new and changed events in the caller's transaction, and return them with numbers."""
    stored = []
    for event in events:
        if event.id:
            write_event(connection, event)
            stored.append(event)
        else:
            values = {each.name: getattr(event, each.name) for each in fields(event)}
            stored.append(DriftEvent(**{**values, "id": add_event(connection, event)}))
    return stored


def _row_of(event: DriftEvent) -> dict[str, Any]:
    row = {name: value for name, value in asdict(event).items() if name != "id"}
    texts = {name: fit_text(DRIFT_EVENTS.c[name], row[name]) for name in _TEXTS}
    return row | texts | {"detector": str(event.detector), "severity": str(event.severity)}


def _event_of(row: dict[str, Any]) -> DriftEvent:
    kinds = {"detector": Detector(row["detector"]), "severity": Severity(row["severity"])}
    return DriftEvent(**(row | kinds))
