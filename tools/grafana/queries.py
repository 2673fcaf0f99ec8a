"""PromQL over the declared metrics, for the instances that the dashboard's variables choose."""

from __future__ import annotations

from telemetry.instruments import AnyInstrument

PLAIN = 'endpoint=~"/forecast|/predict/simple|/hierarchy"'
"""Routes of plain forecasts, as in deploy/prometheus/slos.yml; a test compares them."""

_CHOSEN = 'job="mlrf",namespace=~"$namespace",instance=~"$instance"'
_SERVICE = 'job="mlrf",namespace=~"$namespace"'


def series(metric: AnyInstrument, *matchers: str, suffix: str = "") -> str:
    """Return the selector of a metric's series."""
    return f"{metric.name}{suffix}{{{','.join((_CHOSEN, *matchers))}}}"


def objective(name: str, slo: str = "") -> str:
    """Return the selector of a recorded series, which is of all instances."""
    matchers = (_SERVICE, f'sloth_slo="{slo}"') if slo else (_SERVICE,)
    return f"{name}{{{','.join(matchers)}}}"


def total(metric: AnyInstrument, *by: str, suffix: str = "") -> str:
    """Return the sum of a gauge over instances."""
    return f"sum{_by(by)} ({series(metric, suffix=suffix)})"


def highest(metric: AnyInstrument, *by: str, where: str = "") -> str:
    """Return the largest value of a gauge over instances."""
    return f"max{_by(by)} ({series(metric, *filter(None, (where,)))})"


def lowest(metric: AnyInstrument, *by: str) -> str:
    """Return the smallest value of a gauge over instances."""
    return f"min{_by(by)} ({series(metric)})"


def rate(metric: AnyInstrument, *by: str, where: str = "", suffix: str = "") -> str:
    """Return the increase of a counter a second."""
    selector = series(metric, *filter(None, (where,)), suffix=suffix)
    return f"sum{_by(by)} (rate({selector}[$__rate_interval]))"


def quantile(share: float, metric: AnyInstrument, *by: str, where: str = "") -> str:
    """Return a quantile of a histogram."""
    return f"histogram_quantile({share}, {rate(metric, *by, 'le', where=where, suffix='_bucket')})"


def mean(metric: AnyInstrument, *by: str) -> str:
    """Return the mean of a histogram."""
    return f"{rate(metric, *by, suffix='_sum')} / {rate(metric, *by, suffix='_count')}"


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""
