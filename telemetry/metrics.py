"""Prometheus metrics: their names, the functions that update them, and the merge over workers.

Other packages observe events through functions with plain arguments, which are passed to them as
callables. If BentoML starts several workers, it makes prometheus_client write each one's values
to a file (PROMETHEUS_MULTIPROC_DIR, read when prometheus_client is first imported), so that any
worker can export the metrics of all.

Invariants:
- Labels have low cardinality. A method is a known one or `other`; a route is a template, never a
  path; and a metric with `limit` combinations of labels counts every further one as `other`.
- A time is exported as a timestamp, in seconds since 1970, not as an age, which would be stale
  between updates. Data age is ``time() - mlrf_data_origin_timestamp_seconds``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.values import MutexValue, ValueClass

PREFIX = "mlrf_"
OTHER = "other"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0),
)

REGISTRY = CollectorRegistry()
"""Metrics of this process; `exposition` merges those of all workers."""

M = TypeVar("M", Counter, Gauge, Histogram)


class Labelled(Generic[M]):
    """Children of a metric with labels, each looked up in prometheus_client once.

    Args:
        limit: maximum of combinations of labels; further ones are counted as `OTHER`.
    """

    def __init__(self, metric: M, limit: int = 200) -> None:
        self._metric: M = metric
        self._limit = limit
        self._children: dict[tuple[str, ...], M] = {}

    def of(self, *values: str) -> M:
        child = self._children.get(values)
        if child is not None:
            return child
        full = len(self._children) >= self._limit
        metric_child: M = self._metric.labels(*((OTHER,) * len(values) if full else values))
        if not full:  # further combinations are not cached: their number has no limit
            self._children[values] = metric_child
        return metric_child


def _make_counter(name: str, text: str, *labels: str, limit: int = 200) -> Labelled[Counter]:
    return Labelled(Counter(PREFIX + name, text, labels, registry=REGISTRY), limit)


_requests = _make_counter(
    "http_requests_total", "Requests.", "route", "method", "status", limit=2000
)
_durations = Labelled(
    Histogram(
        f"{PREFIX}http_request_duration_seconds",
        "Time from a request's arrival to the end of its answer.",
        ["route"],
        buckets=SECONDS_BUCKETS,
        registry=REGISTRY,
    )
)
_in_flight = Gauge(
    f"{PREFIX}http_requests_in_flight",
    "Requests that are being answered.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
_decisions = _make_counter(
    "rate_limit_decisions_total", "Decisions of the rate limiter.", "tier", "outcome", "backend"
)
_cache_outcomes = _make_counter(
    "cache_requests_total", "What the cache of answers did for requests.", "tier", "outcome"
)
_redis_errors = _make_counter("redis_errors_total", "Operations on Redis that failed.", "kind")
_key_lookups = _make_counter("key_lookups_total", "Lookups of keys.", "outcome")
_available = Labelled(
    Gauge(
        f"{PREFIX}dependency_available",
        "1 where every worker reaches what it depends on; absent until one has tried.",
        ["dependency"],
        registry=REGISTRY,
        multiprocess_mode="livemin",
    )
)
_degraded = Labelled(
    Gauge(
        f"{PREFIX}degraded",
        "1 where any worker does less than it should, for a reason.",
        ["reason"],
        registry=REGISTRY,
        multiprocess_mode="livemax",
    )
)
_model = Labelled(
    Gauge(
        f"{PREFIX}model_info",
        "1 for each bundle and snapshot that a worker serves; 0 for those it has served before.",
        ["version", "snapshot"],
        registry=REGISTRY,
        multiprocess_mode="livemax",
    )
)


_jobs = _make_counter("jobs_total", "Jobs that have ended.", "kind", "outcome")
_reloads = _make_counter("reloads_total", "Reloads of data that have ended.", "outcome")
for _outcome in ("succeeded", "failed"):
    _reloads.of(_outcome)  # zero from the start, so that the first failure is an increase
_last_reload = Labelled(
    Gauge(
        f"{PREFIX}reload_last_timestamp_seconds",
        "When the last reload with this outcome ended; absent until there was one.",
        ["outcome"],
        registry=REGISTRY,
        multiprocess_mode="livemax",
    )
)

_events = _make_counter(
    "events_total", "Attempts to send events, and events that were given up.", "target", "outcome"
)
_waiting_events = Labelled(
    Gauge(
        f"{PREFIX}events_waiting",
        "Events that wait to be sent to a target.",
        ["target"],
        registry=REGISTRY,
        multiprocess_mode="livemax",
    )
)
_oldest_event = Labelled(
    Gauge(
        f"{PREFIX}events_oldest_timestamp_seconds",
        "Since when the oldest event waits that was not sent to a target; 0 if none waits.",
        ["target"],
        registry=REGISTRY,
        multiprocess_mode="livemax",
    )
)

_trial_answers = _make_counter(
    "trial_answers_total", "Answers during the trial of a release.", "role", "outcome"
)
_repeated = _make_counter(
    "trial_repeated_requests_total", "Requests that a shadow was to repeat.", "outcome"
)
_trial = Labelled(
    Gauge(
        f"{PREFIX}trial_share",
        "Share of the callers that a release in trial answers; 0 for a shadow, -1 for one that is "
        "no longer in trial.",
        ["version", "stage"],
        registry=REGISTRY,
        multiprocess_mode="livemax",
    )
)


_feedback_recorded = Counter(
    f"{PREFIX}feedback_recorded_total",
    "Requests whose inputs and answers were recorded.",
    registry=REGISTRY,
)
_feedback_dropped = _make_counter(
    "feedback_dropped_total", "Requests that were to be recorded, and were not.", "reason"
)
for _reason in ("full", "large", "table", "shutdown"):
    _feedback_dropped.of(_reason)  # zero from the start, so that the first loss is an increase


@cache
def _data_origin() -> Gauge:
    # created when it is first set: until then it would export 1970
    return Gauge(
        f"{PREFIX}data_origin_timestamp_seconds",
        "Start (UTC) of the last day with known sales, in the oldest data that a worker serves.",
        registry=REGISTRY,
        multiprocess_mode="livemin",
    )


# --- observers --------------------------------------------------------------------------------


def method_label(method: str) -> str:
    """Return a known method or `OTHER`: clients can send any text as a method."""
    return method if method in METHODS else OTHER


_pending_counts: dict[Counter, int] = {}
_requests_in_flight = 0


def _add_count(counter: Labelled[Counter], *values: str, number: int = 1) -> None:
    child = counter.of(*values)
    _pending_counts[child] = _pending_counts.get(child, 0) + number


def flush() -> None:
    """Add the pending counts to prometheus_client, whose files all workers export.

    There every addition takes a lock and writes to a mapped file, which takes ten times as long
    as counting here. To be called often, in the thread that counts; a worker that is killed loses
    the counts since the last call.
    """
    for child, number in _pending_counts.items():
        child.inc(number)
    _pending_counts.clear()
    _in_flight.set(_requests_in_flight)


def count_request_start() -> None:
    global _requests_in_flight
    _requests_in_flight += 1


def count_request_end(route: str, method: str, status: int, seconds: float) -> None:
    """Count a request for which `count_request_start` was called.

    Args:
        route: template of the path, or `OTHER`.
        method: as returned by `method_label`.
    """
    global _requests_in_flight
    _requests_in_flight -= 1
    _add_count(_requests, route, method, str(status))
    _durations.of(route).observe(seconds)


def count_limiter_decision(tier: str, outcome: str, backend: str) -> None:
    _add_count(_decisions, tier, outcome, backend)


def count_cache_outcome(tier: str, outcome: str) -> None:
    _add_count(_cache_outcomes, tier, outcome)


def count_redis_error(kind: str) -> None:
    _add_count(_redis_errors, kind)


def set_redis_available(available: bool) -> None:
    _available.of("redis").set(available)


def count_key_lookup(outcome: str) -> None:
    _add_count(_key_lookups, outcome)


def set_degraded(reason: str, active: bool) -> None:
    _degraded.of(reason).set(active)


def count_job(kind: str, outcome: str) -> None:
    """Count a job that has ended; thread-safe."""
    _jobs.of(kind, outcome).inc()


def count_reload(outcome: str) -> None:
    """Count a reload; thread-safe."""
    _reloads.of(outcome).inc()


def set_last_reload(outcome: str, at: datetime) -> None:
    _last_reload.of(outcome).set(at.timestamp())


def count_events(target: str, outcome: str, number: int) -> None:
    """Count attempts to send events, or events; thread-safe."""
    _events.of(target, outcome).inc(number)


def set_waiting_events(target: str, number: int, oldest: datetime | None) -> None:
    """Set the number of events that wait for a target, and since when the oldest one does."""
    _waiting_events.of(target).set(number)
    _oldest_event.of(target).set(0 if oldest is None else oldest.timestamp())


def count_trial_answer(role: str, outcome: str) -> None:
    _add_count(_trial_answers, role, outcome)


def count_repeated(outcome: str) -> None:
    _add_count(_repeated, outcome)


def set_trial(version: str, stage: str, share: float | None) -> None:
    """Set the share of the callers that a release answers; None if it is no longer in trial."""
    _trial.of(version, stage).set(-1 if share is None else share)


def count_feedback_recorded(number: int) -> None:
    _feedback_recorded.inc(number)


def count_feedback_dropped(reason: str, number: int) -> None:
    _add_count(_feedback_dropped, reason, number=number)


_active_labels: list[tuple[str, str]] = []


def set_active_release(version: str, snapshot: str, origin: date) -> None:
    """Set the release that this worker serves from now on.

    Args:
        version: of the bundle.
        origin: last day whose sales are known.
    """
    while _active_labels:
        _model.of(*_active_labels.pop()).set(0)  # a series cannot be removed from a worker's file
    _active_labels.append((version, snapshot))
    _model.of(version, snapshot).set(1)
    _data_origin().set(datetime.combine(origin, time.min, UTC).timestamp())


# --- exposition -------------------------------------------------------------------------------


def exposition() -> tuple[bytes, str]:
    """Return the metrics of all workers in the text format of Prometheus, and its media type.

    Those of other workers are as of their last flush. Reads the files of all workers, which takes
    some milliseconds.
    """
    flush()
    if ValueClass is MutexValue:
        return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
    merged = CollectorRegistry()
    merged.register(_Workers(None))  # type: ignore[no-untyped-call]  # has no annotations
    return generate_latest(merged), CONTENT_TYPE_LATEST


class _Workers(MultiProcessCollector):
    """Collector of the metrics of all workers.

    A killed worker leaves the file of its gauges behind, requests in flight among them; it is
    removed here. The files contain BentoML's metrics too, whose labels are paths; those are
    excluded.
    """

    def collect(self) -> list[Metric]:
        for file in Path(self._path).glob("gauge_live*_*.db"):
            if not _is_alive(int(file.stem.rpartition("_")[2])):
                file.unlink(missing_ok=True)  # another worker may have been here first
        merged: Iterable[Metric] = super().collect()  # type: ignore[no-untyped-call]
        return [metric for metric in merged if metric.name.startswith(PREFIX)]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # the process exists and belongs to another user
    return True
