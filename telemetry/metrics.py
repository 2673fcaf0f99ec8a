"""Prometheus metrics: all of them, their names, and how the workers' are merged.

What is observed from other rooms is a function with plain arguments, which they take as a
callable. Wherever BentoML starts several workers it has prometheus_client keep each one's values
in a file (PROMETHEUS_MULTIPROC_DIR, read when prometheus_client is first imported); any worker
then answers for all.

Invariants:
- A label's values are few. A method is a known one or `other`; a route is a template, never a
  path; and a metric that has `limit` combinations of labels counts every further one as `other`.
- A time is exported as the moment, in seconds since 1970, and not as an age: an age would be as
  old as the last update. Data age is ``time() - mlrf_data_origin_timestamp_seconds``.
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
"""Of this process alone; `exposition` speaks for all workers."""

M = TypeVar("M", Counter, Gauge, Histogram)


class Labelled(Generic[M]):
    """The children of a metric with labels, each looked up in prometheus_client once.

    Args:
        limit: combinations of labels that are told apart.
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
        found: M = self._metric.labels(*((OTHER,) * len(values) if full else values))
        if not full:  # what is new to a full metric is not kept: the next may be new as well
            self._children[values] = found
        return found


def _counter(name: str, text: str, *labels: str, limit: int = 200) -> Labelled[Counter]:
    return Labelled(Counter(PREFIX + name, text, labels, registry=REGISTRY), limit)


_requests = _counter("http_requests_total", "Requests.", "route", "method", "status", limit=2000)
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
_decisions = _counter(
    "rate_limit_decisions_total", "Decisions of the rate limiter.", "tier", "outcome", "backend"
)
_cache_outcomes = _counter(
    "cache_requests_total", "What the cache of answers did for requests.", "tier", "outcome"
)
_redis_errors = _counter("redis_errors_total", "Operations on Redis that failed.", "kind")
_key_lookups = _counter("key_lookups_total", "Lookups of keys.", "outcome")
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


_reloads = _counter("reloads_total", "Reloads of data that have ended.", "outcome")
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


@cache
def _data_origin() -> Gauge:
    # made when it is first set: until then it would say 1970
    return Gauge(
        f"{PREFIX}data_origin_timestamp_seconds",
        "Start (UTC) of the last day with known sales, in the oldest data that a worker serves.",
        registry=REGISTRY,
        multiprocess_mode="livemin",
    )


# --- observers --------------------------------------------------------------------------------


def method_label(method: str) -> str:
    """The method, or `OTHER` where it is none that we know: anything can be sent as one."""
    return method if method in METHODS else OTHER


_counted: dict[Counter, int] = {}
_requests_now = 0


def _count(counter: Labelled[Counter], *values: str) -> None:
    child = counter.of(*values)
    _counted[child] = _counted.get(child, 0) + 1


def flush() -> None:
    """Give what was counted to prometheus_client, which all workers' answers come from.

    There every addition takes a lock and writes to a mapped file: ten times as long as here.
    Called often, by the thread that observes; a worker that is killed loses what came since.
    """
    for child, number in _counted.items():
        child.inc(number)
    _counted.clear()
    _in_flight.set(_requests_now)


def request_started() -> None:
    global _requests_now
    _requests_now += 1


def request_ended(route: str, method: str, status: int, seconds: float) -> None:
    """Count a request that `request_started` was called for.

    Args:
        route: template of the path, or `OTHER`.
        method: as `method_label` gives it.
    """
    global _requests_now
    _requests_now -= 1
    _count(_requests, route, method, str(status))
    _durations.of(route).observe(seconds)


def limiter_decision(tier: str, outcome: str, backend: str) -> None:
    _count(_decisions, tier, outcome, backend)


def cache_outcome(tier: str, outcome: str) -> None:
    _count(_cache_outcomes, tier, outcome)


def redis_error(kind: str) -> None:
    _count(_redis_errors, kind)


def redis_available(available: bool) -> None:
    _available.of("redis").set(available)


def key_lookup(outcome: str) -> None:
    _count(_key_lookups, outcome)


def degraded(reason: str, active: bool) -> None:
    _degraded.of(reason).set(active)


def reload_ended(outcome: str) -> None:
    """Count a reload; may be called in any thread."""
    _reloads.of(outcome).inc()


def last_reload(outcome: str, at: datetime) -> None:
    _last_reload.of(outcome).set(at.timestamp())


_served: list[tuple[str, str]] = []


def serving(version: str, snapshot: str, origin: date) -> None:
    """Say what this worker serves from now on.

    Args:
        origin: last day whose sales are known.
    """
    while _served:
        _model.of(*_served.pop()).set(0)  # a series cannot be taken out of a worker's file
    _served.append((version, snapshot))
    _model.of(version, snapshot).set(1)
    _data_origin().set(datetime.combine(origin, time.min, UTC).timestamp())


# --- exposition -------------------------------------------------------------------------------


def exposition() -> tuple[bytes, str]:
    """Our metrics of all workers in the text format of Prometheus, and its media type.

    Those of the others are as they were last flushed.

    Reads the files of all workers: some milliseconds.
    """
    flush()
    if ValueClass is MutexValue:
        return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
    merged = CollectorRegistry()
    merged.register(_Workers(None))  # type: ignore[no-untyped-call]  # has no annotations
    return generate_latest(merged), CONTENT_TYPE_LATEST


class _Workers(MultiProcessCollector):
    """What all workers have observed.

    A worker that was killed leaves its gauges behind, requests in flight among them; they are
    removed here. The files hold the metrics of BentoML too, whose labels are paths; those are
    left out.
    """

    def collect(self) -> list[Metric]:
        for file in Path(self._path).glob("gauge_live*_*.db"):
            if not _alive(int(file.stem.rpartition("_")[2])):
                file.unlink(missing_ok=True)  # another worker may have been here first
        merged: Iterable[Metric] = super().collect()  # type: ignore[no-untyped-call]
        return [metric for metric in merged if metric.name.startswith(PREFIX)]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, and there
    return True
