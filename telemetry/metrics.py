"""The metrics of the product: all of them, each declared once.

Invariants:
- A method is a known one or `other`; an endpoint is the template of a route, never a path.
- A time is exported as a timestamp, in seconds since 1970, not as an age, which would be stale
  between updates. Data age is ``time() - mlrf_data_origin_timestamp_seconds``.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from telemetry import instruments
from telemetry.instruments import OTHER, Count, Distribution, Level

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# --- requests ---------------------------------------------------------------------------------

REQUESTS = Count("requests_total", "Requests.", "endpoint", "method", "status", limit=2000)
REQUEST_SECONDS = Distribution(
    "request_duration_seconds",
    "Time from a request's arrival to the end of its answer.",
    "endpoint",
)
REQUESTS_IN_FLIGHT = Level(
    "requests_in_flight", "Requests that are being answered.", merge="livesum"
)
PROBLEMS = Count("problems_total", "Errors that were answered, by their code.", "code")
LIMITER_DECISIONS = Count(
    "rate_limit_decisions_total", "Decisions of the rate limiter.", "tier", "outcome", "backend"
)
KEY_LOOKUPS = Count("key_lookups_total", "Lookups of keys.", "outcome")

# --- computations -----------------------------------------------------------------------------

COMPUTATION_SECONDS = Distribution(
    "computation_duration_seconds",
    "Time to compute an answer that the cache does not have.",
    "endpoint",
)
STAGE_SECONDS = Distribution(
    "stage_duration_seconds", "Time in a stage of an answer: see `telemetry.stages`.", "stage"
)
INFERENCE_ROWS = Distribution(
    "inference_rows",
    "Rows of a call of the model.",
    buckets=(1, 10, 100, 1_000, 10_000, 100_000, 1_000_000),
)
RECONCILIATION_RESIDUAL = Level(
    "reconciliation_residual_ratio",
    "Largest relative difference of the sum of a level from the total, in the newest computation.",
    merge="livemax",
)
RECONCILIATION_CLIPPED = Count(
    "reconciliation_clipped_total", "Negative forecasts of series that were set to zero."
).start()

# --- cache and dependencies -------------------------------------------------------------------

CACHE_HITS = Count("cache_hits_total", "Requests that the cache of answers answered.").start()
CACHE_REDIS_HITS = Count(
    "cache_redis_hits_total", "Those of the hits whose answer came from Redis."
).start()
CACHE_JOINED = Count(
    "cache_joined_total", "Those of the hits that waited for the computation of another request."
).start()
CACHE_MISSES = Count("cache_misses_total", "Requests that were computed, then cached.").start()
CACHE_BYPASSES = Count(
    "cache_bypasses_total", "Requests that were computed because their caller asked for it."
).start()
CACHE_EVICTIONS = Count(
    "cache_evictions_total", "Answers that gave way to others in the cache of a worker."
).start()
CACHE_BYTES = Level("cache_bytes", "Size of the answers in the caches of workers.", merge="livesum")
REDIS_ERRORS = Count("redis_errors_total", "Operations on Redis that failed.", "kind")
DEPENDENCY_AVAILABLE = Level(
    "dependency_available",
    "1 where every worker reaches what it depends on; absent until one has tried.",
    "dependency",
    merge="livemin",
)
DEGRADED = Level(
    "degraded",
    "1 where any worker does less than it should, for a reason.",
    "reason",
    merge="livemax",
)

# --- release ----------------------------------------------------------------------------------

READY = Level("ready", "1 where every worker serves a release.", merge="livemin")
BUILD = Level("build_info", "1 for the version of the product.", "version", merge="livemax")
MODEL = Level(
    "model_info",
    "1 for each bundle and snapshot that a worker serves; 0 for those it has served before.",
    "version",
    "snapshot",
    merge="livemax",
)
DATA_ORIGIN = Level(
    "data_origin_timestamp_seconds",
    "Start (UTC) of the last day with known sales, in the oldest data that a worker serves.",
    merge="livemin",
)
MODEL_BACKTEST = Level(
    "model_backtest",
    "Figures of the serving bundle, measured on days that it was not trained on.",
    "level",
    "measure",
    merge="livemax",
)
UNSEEN_SERIES = Level(
    "unseen_series",
    "Series of the serving data with an attribute whose value the model has not seen.",
    merge="livemax",
)
MISSING_COVARIATES = Level(
    "missing_covariates_ratio",
    "Share of the days ahead of all series on which a covariate is not known.",
    "covariate",
    merge="livemax",
)
LIVE_ACCURACY = Level(
    "live_accuracy",
    "Figures of the forecasts that were served, on the newest 28 days that have sales.",
    "level",
    "measure",
    merge="livemax",
)
LIVE_EXPECTED = Level(
    "live_accuracy_expected",
    "Figures of the serving bundle, as measured before, for the same days ahead.",
    "level",
    "measure",
    merge="livemax",
)
LIVE_ACCURACY_DAYS = Level(
    "live_accuracy_days", "Days that the figures of `mlrf_live_accuracy` cover.", merge="livemax"
)
DRIFT_EVENTS = Level("drift_events", "Drift that is open.", "severity", merge="livemax")

# --- jobs, events, trials, feedback -----------------------------------------------------------

JOBS = Count("jobs_total", "Jobs that have ended.", "kind", "outcome")
JOB_LAST = Level(
    "job_last_timestamp_seconds",
    "When the last job of a kind with this outcome ended; absent until there was one.",
    "kind",
    "outcome",
    merge="livemax",
)
JOB_LAST_SECONDS = Level(
    "job_last_duration_seconds", "How long that job took.", "kind", "outcome", merge="livemax"
)
EVENTS = Count(
    "events_total", "Attempts to send events, and events that were given up.", "target", "outcome"
)
EVENTS_WAITING = Level(
    "events_waiting", "Events that wait to be sent to a target.", "target", merge="livemax"
)
EVENTS_OLDEST = Level(
    "events_oldest_timestamp_seconds",
    "Since when the oldest event waits that was not sent to a target; 0 if none waits.",
    "target",
    merge="livemax",
)
TRIAL_ANSWERS = Count(
    "trial_answers_total", "Answers during the trial of a release.", "role", "outcome"
)
TRIAL_REPEATED = Count(
    "trial_repeated_requests_total", "Requests that a shadow was to repeat.", "outcome"
)
TRIAL_SHARE = Level(
    "trial_share",
    "Share of the callers that a release in trial answers; 0 for a shadow, -1 for one that is "
    "no longer in trial.",
    "version",
    "stage",
    merge="livemax",
)
FEEDBACK_RECORDED = Count(
    "feedback_recorded_total", "Requests whose inputs and answers were recorded."
).start()
FEEDBACK_DROPPED = Count(
    "feedback_dropped_total", "Requests that were to be recorded, and were not.", "reason"
)
for _reason in ("full", "large", "table", "shutdown"):
    FEEDBACK_DROPPED.start(_reason)

# --- workers ----------------------------------------------------------------------------------

WORKERS = Level("workers", "Workers that run.", merge="livesum")
WORKER_STARTS = Count("worker_starts_total", "Starts of workers since the server was started.")
WORKER_MEMORY = Level(
    "worker_memory_bytes",
    "Memory of all workers together; what they share counts once.",
    merge="livesum",
)
LOOP_LAG = Level(
    "event_loop_lag_seconds",
    "Longest time by which an event loop was late, in the last 15 seconds of any worker.",
    merge="livemax",
)


# --- updates that are more than one call ------------------------------------------------------


def method_label(method: str) -> str:
    """Return a known method or `OTHER`: clients can send any text as a method."""
    return method if method in METHODS else OTHER


_in_flight = 0


def count_request_start() -> None:
    """Count a request that has arrived."""
    global _in_flight
    _in_flight += 1


def count_request_end(endpoint: str, method: str, status: int, seconds: float) -> None:
    """Count a request for which `count_request_start` was called.

    Args:
        endpoint: template of the path, or `OTHER`.
        method: as returned by `method_label`.
    """
    global _in_flight
    _in_flight -= 1
    REQUESTS.add(endpoint, method, str(status))
    REQUEST_SECONDS.observe(seconds, endpoint)


def count_cache_outcome(tier: str, outcome: str) -> None:
    """Count what the cache of answers did for a request."""
    if outcome == "hit":
        CACHE_HITS.add()
        if tier == "redis":
            CACHE_REDIS_HITS.add()
        elif tier == "joined":
            CACHE_JOINED.add()
    elif outcome == "miss":
        CACHE_MISSES.add()
    else:
        CACHE_BYPASSES.add()


def flush() -> None:
    """Make what this worker has counted visible to the others; see `instruments.flush`."""
    REQUESTS_IN_FLIGHT.set(_in_flight)
    instruments.flush()


_active_labels: list[tuple[str, str]] = []


def set_active_release(version: str, snapshot: str, origin: date) -> None:
    """Set the release that this worker serves from now on.

    Args:
        version: of the bundle.
        origin: last day whose sales are known.
    """
    while _active_labels:
        MODEL.set(0, *_active_labels.pop())  # a series cannot be removed from a worker's file
    _active_labels.append((version, snapshot))
    MODEL.set(1, version, snapshot)
    DATA_ORIGIN.set(datetime.combine(origin, time.min, UTC).timestamp())
