"""Counters, gauges and histograms whose labels are bounded, and whose updates are cheap.

They are thin over prometheus_client. If BentoML starts several workers, it makes
prometheus_client write each one's values to a file (PROMETHEUS_MULTIPROC_DIR, read when
prometheus_client is first imported), so that any worker can export the metrics of all
(`telemetry.exposition`).

Invariants:
- Every metric is in `DECLARED` from the import of its module on, whether or not it has a value.
- Labels have low cardinality: a metric with `limit` combinations of labels counts every further
  one as `OTHER`.
- A gauge is absent until it is first set: before, prometheus_client would export 0.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Counts
from collections import defaultdict, deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Generic, Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

PREFIX = "mlrf_"
OTHER = "other"

SECONDS_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0),
)
"""Upper bounds of histograms of times."""

REGISTRY = CollectorRegistry()
"""Metrics of this process; `telemetry.exposition` merges those of all workers."""


class _Histogram(Histogram):
    """A histogram that takes many values at once, for the price of one per bucket."""

    def observe_all(self, values: Sequence[float]) -> None:
        self._sum.inc(sum(values))
        # the first bucket whose bound is not below the value, as in `observe`
        filled = Counts(bisect_left(self._upper_bounds, value) for value in values)
        for bucket, number in filled.items():
            self._buckets[bucket].inc(number)


M = TypeVar("M", Counter, Gauge, _Histogram)
Merge = Literal["livesum", "livemax", "livemin"]
"""How the values of a gauge in several workers become one."""


class Instrument(Generic[M]):
    """A metric and its children, each looked up in prometheus_client once.

    Attributes:
        name: with its prefix.
        kind: type of the metric, as in the text format of Prometheus.
        text: the sentence of its `# HELP` line.
        labels: names of its labels.
    """

    kind = ""

    def __init__(
        self,
        name: str,
        text: str,
        *labels: str,
        limit: int = 200,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self.name = PREFIX + name
        self.text = text
        self.labels = labels
        self._limit = limit
        self._registry = registry
        self._metric: M | None = None
        self._children: dict[tuple[str, ...], M] = {}
        if registry is REGISTRY:
            DECLARED[self.name] = self

    def of(self, *values: str) -> M:
        """Return the child with these values of the labels, in their order."""
        child = self._children.get(values)
        if child is not None:
            return child
        if self._metric is None:
            self._metric = self._create()
        if not self.labels:
            metric_child: M = self._metric
        elif len(self._children) < self._limit:
            metric_child = self._metric.labels(*values)
        else:  # not cached: the number of further combinations has no limit
            return self._metric.labels(*((OTHER,) * len(values)))
        self._children[values] = metric_child
        return metric_child

    def _create(self) -> M:
        raise NotImplementedError


AnyInstrument = Instrument[Counter] | Instrument[Gauge] | Instrument[_Histogram]

DECLARED: dict[str, AnyInstrument] = {}
"""Every metric of the product, by its name."""

_pending: dict[Counter, int] = {}
_observed: deque[tuple[_Histogram, float]] = deque()
MOST_OBSERVED = 10_000
"""Values that wait for `flush`; a process that never calls it has them added at this number."""


class Count(Instrument[Counter]):
    """A number of events, which only grows."""

    kind = "counter"

    def start(self, *values: str) -> Count:
        """Export 0 for these labels from the start, so that the first event is an increase."""
        self.of(*values)
        return self

    def add(self, *values: str, number: int = 1) -> None:
        """Count events, from the thread of the event loop; `flush` adds them to the metric."""
        child = self.of(*values)
        _pending[child] = _pending.get(child, 0) + number

    def add_now(self, *values: str, number: int = 1) -> None:
        """Count events at once, from any thread."""
        self.of(*values).inc(number)

    def _create(self) -> Counter:
        return Counter(self.name, self.text, self.labels, registry=self._registry)


def flush() -> None:
    """Add the pending counts and values to prometheus_client, whose files all workers export.

    There every addition takes a lock and writes to a mapped file, which takes ten times as long
    as counting here. To be called often, in the thread that counts; a worker that is killed loses
    what was counted since the last call.
    """
    for child, number in _pending.items():
        child.inc(number)
    _pending.clear()
    _flush_observed()


def _flush_observed() -> None:
    """Add the values of distributions; from any thread, because each value is taken once."""
    by_child: defaultdict[_Histogram, list[float]] = defaultdict(list)
    with suppress(IndexError):
        for _ in range(len(_observed)):
            child, value = _observed.popleft()
            by_child[child].append(value)
    for child, values in by_child.items():
        child.observe_all(values)


class Level(Instrument[Gauge]):
    """A number that goes up and down.

    Args:
        merge: of the values of all live workers.
    """

    kind = "gauge"

    def __init__(
        self,
        name: str,
        text: str,
        *labels: str,
        merge: Merge,
        limit: int = 200,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        super().__init__(name, text, *labels, limit=limit, registry=registry)
        self._merge: Merge = merge

    def set(self, value: float, *values: str) -> None:
        self.of(*values).set(value)

    def _create(self) -> Gauge:
        return Gauge(
            self.name,
            self.text,
            self.labels,
            registry=self._registry,
            multiprocess_mode=self._merge,
        )


class Distribution(Instrument[_Histogram]):
    """A histogram of times, or of other sizes.

    Args:
        buckets: their upper bounds, ascending.
    """

    kind = "histogram"

    def __init__(
        self,
        name: str,
        text: str,
        *labels: str,
        buckets: Sequence[float] = SECONDS_BUCKETS,
        limit: int = 200,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        super().__init__(name, text, *labels, limit=limit, registry=registry)
        self.buckets = tuple(buckets)

    def observe(self, value: float, *values: str) -> None:
        """Record a value, from any thread; `flush` adds it to the metric."""
        _observed.append((self.of(*values), value))
        if len(_observed) >= MOST_OBSERVED:
            _flush_observed()

    def _create(self) -> _Histogram:
        return _Histogram(
            self.name, self.text, self.labels, buckets=self.buckets, registry=self._registry
        )
