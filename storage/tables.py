"""The tables, as the code reads and writes them.

`storage.migrations` creates them; a test compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

METADATA = MetaData()

PERFORMANCE_SUMS = (
    "known",
    "sold",
    "forecast",
    "absolute",
    "squared_logs",
    "naive_absolute",
    "base_absolute",
    "judged",
    "within_80",
    "within_95",
    "interval_score",
    "log_factors",
)
"""Sums over the errors of forecasts; `models.error_sums` computes them."""


class UtcDateTime(TypeDecorator[datetime]):
    """Column type that takes aware times and returns UTC; SQLite itself drops the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} names no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        known: datetime = value if value.tzinfo else value.replace(tzinfo=UTC)
        return known.astimezone(UTC)


def fit_text(column: Column[Any], text: str) -> str:
    """Return a text cut to the length of its column."""
    kind = column.type
    return text[: kind.length] if isinstance(kind, String) else text


API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", String(12), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("client", String(100), nullable=False),
    Column("scopes", String(200), nullable=False),  # names, separated by spaces
    Column("tier", String(50), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("lifetime_seconds", BigInteger),  # original lifetime; a rotation may shorten expires_at
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Index("ix_api_keys_client", "client"),
)

IDEMPOTENCY = Table(
    "idempotency",
    METADATA,
    Column("name", String(64), primary_key=True),  # hash of caller and Idempotency-Key
    Column("fingerprint", String(64), nullable=False),  # hash of the request
    Column("key_id", String(12), nullable=False),  # id of what it created: a key, an override
    Column("created_at", UtcDateTime, nullable=False),
)

AUDIT_LOG = Table(
    "audit_log",
    METADATA,
    # SQLite autoincrements only a column of type INTEGER
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(50), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("address", String(100)),
    Column("request_id", String(128)),
    Column("detail", String(1000), nullable=False),
)

OVERRIDES = Table(
    "overrides",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("node", Text, nullable=False),
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=False),
    Column("op", String(10), nullable=False),
    Column("value", Float, nullable=False),
    Column("spread", String(10), nullable=False),
    Column("reason", String(20), nullable=False),
    Column("note", String(500), nullable=False),
    Column("author", String(100), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("withdrawn_at", UtcDateTime),
    Column("withdrawn_by", String(100)),
    Column("created_revision", BigInteger, nullable=False),  # number of the change that made it
    Column("withdrawn_revision", BigInteger),  # and of the one that withdrew it
    Column("model_version", Text, nullable=False),
    Column("snapshot", Text, nullable=False),
    Column("origin", Date, nullable=False),
    Column("statistical", Text, nullable=False),  # JSON: a list of days with their forecasts
    Column("days", Text, nullable=False),  # JSON: a list of days with operand, before and result
    Index("ix_overrides_last", "last"),
    Index("ix_overrides_node", "node"),
    Index("ix_overrides_created_revision", "created_revision", unique=True),
    Index("ix_overrides_withdrawn_revision", "withdrawn_revision", unique=True),
)
"""Overrides of forecasts; none is ever deleted. All changes are numbered together, in the order in
which they were committed."""


RELEASE_CHANGES = Table(
    "release_changes",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("bundle", String(250), nullable=False),
    Column("snapshot", String(250), nullable=False),  # that it serves, or was trained on
    Column("state", String(10), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("reason", String(500), nullable=False),
)
"""Changes of the states of releases, append-only: the last one of a bundle says its state."""


ROLLOUTS = Table(
    "rollouts",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("bundle", String(250), nullable=False),
    Column("stage", String(10), nullable=False),
    Column("share", Float, nullable=False),
    Column("automatic", Boolean, nullable=False),  # whether it goes on to the next share by itself
    Column("started_at", UtcDateTime, nullable=False),
    Column("step_at", UtcDateTime, nullable=False),  # since when the share is what it is
    Column("ended_at", UtcDateTime),
    Column("report", Text),  # JSON: comparison with the active release
    Index("ix_rollouts_ended_at", "ended_at"),
)
"""Trials of releases beside the active one; at most one has not ended."""

PREDICTION_FEEDBACK = Table(
    "prediction_feedback",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("request_id", String(128), nullable=False),
    Column("caller", String(200), nullable=False),  # its subject, such as the id of its key
    Column("operation", String(100), nullable=False),
    Column("bundle", String(250), nullable=False),
    Column("snapshot", String(250), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("seconds", Float, nullable=False),  # that the answer took
    Column("inputs", Text, nullable=False),  # JSON: the request, and the rows of features
    Column("answer", Text, nullable=False),  # JSON, as it was sent
    Column("erased", Boolean, nullable=False),  # whether only the id and the time are left
    Index("ix_prediction_feedback_erased_at", "erased", "at"),
    Index("ix_prediction_feedback_request_id", "request_id"),
)
"""Requests that computed something of their own. After `FEEDBACK_DAYS` what they contain is erased,
and after twice that time the row is deleted."""

PREDICTION_ACTUALS = Table(
    "prediction_actuals",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("prediction", BigInteger, nullable=False),  # id in prediction_feedback
    Column("row", Integer, nullable=False),
    Column("date", Date),
    Column("value", Float, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Index("ix_prediction_actuals_prediction", "prediction"),
)
"""Reports of what was sold instead of the recorded predictions, append-only: the last one of a
value counts, and those before it are its history."""

ROLLOUT_EVIDENCE = Table(
    "rollout_evidence",
    METADATA,
    Column("rollout", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("worker", String(32), primary_key=True),
    Column("role", String(10), primary_key=True),
    Column("call", String(200), primary_key=True),  # route and outcome of the cache
    Column("share", Float, primary_key=True),
    Column("answers", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("log_seconds", Float, nullable=False),  # sum of their logarithms
    Column("log_squares", Float, nullable=False),  # sum of the squares of these
    Column("moved", Float, nullable=False),  # sum of the relative differences of repeated answers
)
"""Counts of answers during a rollout, by each worker."""

FORECAST_VINTAGES = Table(
    "forecast_vintages",
    METADATA,
    Column("name", String(600), primary_key=True),  # of its folder
    Column("bundle", String(250), nullable=False),
    Column("snapshot", String(250), nullable=False),
    Column("origin", Date, nullable=False),
    Column("trained_through", Date, nullable=False),
    Column("step_days", Integer, nullable=False),
    Column("days", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("adaptation", String(250)),  # name of its folder
    Column("added_at", UtcDateTime, nullable=False),
    Column("removed_at", UtcDateTime),
    Index("ix_forecast_vintages_origin", "origin"),
)
"""Kept forecasts of releases; a row outlives its folder."""

ACTUAL_SERIES = Table(
    "actual_series",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("node", String(500), nullable=False, unique=True),
)
"""Numbers of the series of which sales were reported: a row of sales is short by them."""

ACTUAL_REPORTS = Table(
    "actual_reports",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("request_id", String(128)),
    Column("rows", Integer, nullable=False),
)
"""Reports of sales that changed anything: who, when, how many rows."""

ACTUALS = Table(
    "actuals",
    METADATA,
    Column("day", Date, primary_key=True),
    Column("series", Integer, primary_key=True, autoincrement=False),
    Column("units", Float, nullable=False),
    Column("report", BigInteger, nullable=False),
    sqlite_with_rowid=False,  # the rows are in the index: half the size
)
"""Sales that were reported by calls, ahead of the tables."""

ACTUAL_CORRECTIONS = Table(
    "actual_corrections",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("day", Date, nullable=False),
    Column("series", Integer, nullable=False),
    Column("units", Float, nullable=False),  # that were reported before
    Column("report", BigInteger, nullable=False),  # that had said so
    Column("corrected_by", BigInteger, nullable=False),  # report that replaced it
    Index("ix_actual_corrections_day", "day", "series"),
)
"""Reported sales that a later report has replaced."""

SCORED_DAYS = Table(
    "scored_days",
    METADATA,
    Column("bundle", String(250), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("inputs", String(64), nullable=False),  # digest of the sales and vintages
    Column("at", UtcDateTime, nullable=False),
)
"""Days whose forecasts were compared with what was sold."""

VALIDATIONS = Table(
    "validations",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("bundle", String(250), nullable=False),
    Column("snapshot", String(250), nullable=False),
    Column("verdict", String(10), nullable=False),
    Column("report", Text, nullable=False),  # JSON
    Index("ix_validations_at", "at"),
)
"""Verdicts on the active release by a replay of its newest days, append-only."""

MODEL_PERFORMANCE = Table(
    "model_performance",
    METADATA,
    Column("bundle", String(250), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("level", String(250), primary_key=True),
    Column("node", String(500), primary_key=True),  # empty for all nodes of the level
    Column("volume", String(10), primary_key=True),  # class of the nodes; empty for all of them
    Column("days_ahead", String(20), primary_key=True),
    *(Column(name, Float, nullable=False) for name in PERFORMANCE_SUMS),
    Index("ix_model_performance_groups", "bundle", "node", "level", "day"),
)
"""Sums over the errors of the forecasts of a day, by the nodes and the days ahead."""
OUTLIER_EVENTS = Table(
    "outlier_events",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("kind", String(30), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("node", Text, nullable=False),
    Column("series_column", String(200), nullable=False),  # of the table of sales
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=False),
    Column("value", Float, nullable=False),
    Column("expected", Float),
    Column("message", Text, nullable=False),
    Column("replaced", Boolean, nullable=False),  # whether features read estimates instead
    Column("snapshot", String(250), nullable=False),  # newest one that has recorded it
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_by", String(100)),
    Column("real", Boolean),  # whether the person says that the values are right
    Column("note", String(500), nullable=False),
    Index("ix_outlier_events_last", "last"),
    Index("ix_outlier_events_identity", "kind", "node", "series_column", "first", unique=True),
)
"""Outliers of the data that were served; none is ever deleted."""

EXPORTS = Table(
    "exports",
    METADATA,
    Column("id", String(64), primary_key=True),  # that of its job
    Column("caller", String(200), nullable=False),
    Column("state", String(10), nullable=False),
    Column("detail", Text, nullable=False),  # why it failed; empty for others
    Column("request", Text, nullable=False),  # JSON
    Column("bundle", String(250), nullable=False),
    Column("snapshot", String(250), nullable=False),
    Column("queued_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),  # of the file; empty without one
    Column("folder", String(500), nullable=False),  # URL of the folder; empty on the volume
    Column("secret", String(64), nullable=False),  # signs the links to its file
    Index("ix_exports_caller", "caller", "queued_at"),
    Index("ix_exports_expires_at", "expires_at"),
)
"""Exports that have ended, until they expire; those that have not are jobs of the queue."""

EVENT_TARGETS = Table(
    "event_targets",
    METADATA,
    Column("name", String(20), primary_key=True),
    Column("address", String(64), nullable=False),  # digest of where it sends to
    Column("since", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),  # a server was configured to send there
    Column("owner", String(32)),  # the worker that sends, until its lease ends
    Column("lease_until", UtcDateTime),
    Column("paused_until", UtcDateTime),
    Column("stopped_at", UtcDateTime),  # it answered that it is gone
    Column("lost", BigInteger, nullable=False),  # events that found no space, not reported yet
)
"""Receivers of events that servers are configured with; without any, no event is recorded."""

EVENT_OUTBOX = Table(
    "event_outbox",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("target", String(20), nullable=False),
    Column("event", String(64), nullable=False),
    Column("kind", String(60), nullable=False),
    Column("subject", String(250), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("data", Text, nullable=False),  # JSON
    Column("queued_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failure", String(500), nullable=False),  # of the last attempt; empty without one
    Column("sent_at", UtcDateTime),
    Index("ix_event_outbox_target_event", "target", "event", unique=True),
    Index("ix_event_outbox_waiting", "target", "sent_at", "due_at"),
    sqlite_autoincrement=True,  # a number is never used again: a dead letter keeps its own
)
"""Events for each target: those that wait, and those that were sent in the last days."""

EVENT_DEAD_LETTERS = Table(
    "event_dead_letters",
    METADATA,
    Column(
        "id",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("target", String(20), nullable=False),
    Column("event", String(64), nullable=False),
    Column("kind", String(60), nullable=False),
    Column("subject", String(250), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("data", Text, nullable=False),
    Column("queued_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failure", String(500), nullable=False),
    Column("died_at", UtcDateTime, nullable=False),
    Index("ix_event_dead_letters_target_event", "target", "event", unique=True),
)
"""Events that could not be delivered; a resent one goes back to the outbox under its number."""
DRIFT_EVENTS = Table(
    "drift_events",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("bundle", String(250), nullable=False),
    Column("detector", String(30), nullable=False),
    Column("subject", Text, nullable=False),
    Column("bucket", String(20), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("figure", Float, nullable=False),
    Column("reference", Float, nullable=False),
    Column("since", Date, nullable=False),
    Column("opened", Date, nullable=False),
    Column("judged", Date, nullable=False),
    Column("quiet", Date),  # since when the figure is below its lower limit
    Column("closed", Date),
    Column("message", String(1000), nullable=False),
    Column("look", String(500), nullable=False),
    Index("ix_drift_events_bundle", "bundle"),
    Index("ix_drift_events_closed", "closed"),
)
"""Drifts that tests have noticed; those without `closed` are open."""
