"""Predictions that were computed for single requests, and what was sold instead, in the database.

*Invariants*

- Reports of sales are only ever added: the last one of a value counts, and those before it say who
  reported what and when. A report of what is reported already adds nothing.
- A recorded request is erased after a number of days, so that the inputs of callers do not stay.
  Its id and time stay as long again: they distinguish it from one that was never recorded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, insert, select, update

from storage.audit import Actor, write
from storage.database import advisory_lock, reading, writing
from storage.key_store import utc_now
from storage.tables import PREDICTION_ACTUALS, PREDICTION_FEEDBACK, fit_text

ERASED_TOGETHER = 500
"""Recorded requests that one transaction erases or deletes: others write meanwhile."""

_READ_TOGETHER = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPrediction:
    """A request that computed something of its own, with its answer.

    Attributes:
        caller: its subject, such as `key:<public id>`.
        operation: method and path.
        bundle, snapshot: release that answered.
        at: when it was answered; aware.
        seconds: that the answer took.
        inputs: JSON object with the `request`, and the `rows` of features if it was of rows.
        answer: JSON, as it was sent.
    """

    request_id: str
    caller: str
    operation: str
    bundle: str
    snapshot: str
    at: datetime
    seconds: float
    inputs: str
    answer: str


_RECORDED = tuple(field.name for field in fields(RecordedPrediction))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPrediction(RecordedPrediction):
    """A recorded request in the database.

    Attributes:
        erased: whether it is past its time: only its id and time are left.
    """

    id: int
    erased: bool


class Place(NamedTuple):
    """The value of an answer that something is said about.

    Attributes:
        row: of the request, from 0.
        date: day of the forecast; None in answers about rows of features.
    """

    row: int
    date: date | None


class Report(NamedTuple):
    """Units that were sold instead of one predicted value, as one report says."""

    place: Place
    value: float
    at: datetime
    actor: str


class FeedbackStore:
    """The recorded predictions of a database.

    Every call blocks, and can raise StorageError.

    Args:
        clock: the time, aware.
    """

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self.clock = clock

    def add(self, records: Sequence[RecordedPrediction]) -> None:
        """Add recorded requests, all of them or none."""
        table = PREDICTION_FEEDBACK.c
        rows = [
            {name: getattr(each, name) for name in _RECORDED}  # `asdict` copies, which takes longer
            | {
                "caller": fit_text(table.caller, each.caller),
                "operation": fit_text(table.operation, each.operation),
                "erased": False,
            }
            for each in records
        ]
        with writing(self._engine) as connection:
            connection.execute(insert(PREDICTION_FEEDBACK), rows)

    def find(self, request_id: str) -> tuple[StoredPrediction, ...]:
        """Return the recorded requests of an id, oldest first: a caller may use an id again."""
        query = select(PREDICTION_FEEDBACK).where(PREDICTION_FEEDBACK.c.request_id == request_id)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(PREDICTION_FEEDBACK.c.id)).mappings()
            return tuple(StoredPrediction(**row) for row in rows)

    def reports(self, prediction: int) -> dict[Place, list[Report]]:
        """Return what was reported about a recorded request, the last report of a value last."""
        with reading(self._engine) as connection:
            return _reports_of(connection, [prediction])[prediction]

    def report(
        self, prediction: StoredPrediction, values: Sequence[tuple[Place, float]], *, by: Actor
    ) -> int:
        """Add what was sold, where it is not reported already; return how many values changed.

        A corrected value is recorded in the audit log too, with the value before.
        """
        now = self.clock()
        with writing(self._engine) as connection:
            advisory_lock(connection, f"feedback {prediction.id}")
            reports = _reports_of(connection, [prediction.id])[prediction.id]
            before = {place: of_place[-1].value for place, of_place in reports.items()}
            changed = [(place, value) for place, value in values if before.get(place) != value]
            if not changed:
                return 0
            actor = fit_text(PREDICTION_ACTUALS.c.actor, by.name)
            connection.execute(
                insert(PREDICTION_ACTUALS),
                [
                    {**place._asdict(), "prediction": prediction.id, "value": value}
                    | {"at": now, "actor": actor}
                    for place, value in changed
                ],
            )
            corrected = [(place, value) for place, value in changed if place in before]
            if corrected:
                place, value = corrected[0]
                detail = f"{_describe(place)}: {value:g} instead of {before[place]:g}"
                more = f"; and {len(corrected) - 1} more" if len(corrected) > 1 else ""
                event = by.make_event(
                    "feedback.correct", prediction.request_id, detail + more, at=now
                )
                write(connection, [event])
            return len(changed)

    def erase_expired(self, days: int) -> int:
        """Erase some requests that are older than a number of days; return how many.

        Some of those that are twice as old are deleted.
        """
        now, table = self.clock(), PREDICTION_FEEDBACK.c
        with writing(self._engine) as connection:
            old = _oldest(
                connection, and_(table.erased.is_(False), table.at < now - timedelta(days))
            )
            if old:
                values = {"erased": True, "inputs": "", "answer": "", "caller": ""}
                erasure = update(PREDICTION_FEEDBACK).where(table.id.in_(old)).values(values)
                connection.execute(erasure)
                reports = PREDICTION_ACTUALS.c.prediction.in_(old)
                connection.execute(delete(PREDICTION_ACTUALS).where(reports))
            older = _oldest(
                connection, and_(table.erased.is_(True), table.at < now - timedelta(2 * days))
            )
            if older:
                connection.execute(delete(PREDICTION_FEEDBACK).where(table.id.in_(older)))
        return len(old) + len(older)

    def reported(
        self, bundle: str, since: datetime, operations: Sequence[str]
    ) -> Iterator[tuple[StoredPrediction, dict[Place, Report]]]:
        """Yield the requests of some operations with what was sold, oldest first.

        Args:
            bundle: that answered.
            since: time of the oldest.
        """
        table, last = PREDICTION_FEEDBACK.c, 0
        wanted = and_(
            table.erased.is_(False),
            table.at >= since,
            table.bundle == bundle,
            table.operation.in_(operations),
        )
        query = select(PREDICTION_FEEDBACK).where(wanted).order_by(table.id).limit(_READ_TOGETHER)
        while True:
            with reading(self._engine) as connection:
                rows = connection.execute(query.where(table.id > last)).mappings()
                predictions = [StoredPrediction(**row) for row in rows]
                reports = _reports_of(connection, [each.id for each in predictions])
            if not predictions:
                return
            last = predictions[-1].id
            for each in predictions:
                if each.id in reports:
                    yield each, {place: of[-1] for place, of in reports[each.id].items()}


def _oldest(connection: Connection, condition: ColumnElement[bool]) -> list[int]:
    table = PREDICTION_FEEDBACK.c
    query = select(table.id).where(condition).order_by(table.at).limit(ERASED_TOGETHER)
    return list(connection.execute(query).scalars())


def _reports_of(
    connection: Connection, predictions: Sequence[int]
) -> dict[int, dict[Place, list[Report]]]:
    """Return all reports about some requests, by request and value, the oldest first."""
    table = PREDICTION_ACTUALS.c
    query = select(PREDICTION_ACTUALS).where(table.prediction.in_(predictions)).order_by(table.id)
    reports: dict[int, dict[Place, list[Report]]] = defaultdict(lambda: defaultdict(list))
    for row in connection.execute(query).mappings():
        place = Place(row["row"], row["date"])
        report = Report(place, row["value"], row["at"], row["actor"])
        reports[row["prediction"]][place].append(report)
    return reports


def _describe(place: Place) -> str:
    return f"row {place.row}" if place.date is None else f"row {place.row}, {place.date}"
