"""`http.server.request.duration`: the histogram of OpenTelemetry's conventions, where it is on.

The metrics of Prometheus have the same times. This one is sent by OTLP, and has exemplars: ids of
traces that were recorded, which prometheus_client does not have where there are several workers.
"""

from __future__ import annotations

from typing import Protocol

from telemetry.instruments import OTHER

NAME = "http.server.request.duration"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds in seconds, as the conventions ask for."""


class Histogram(Protocol):
    """The part of an instrument of OpenTelemetry that is used."""

    def record(self, amount: float, attributes: dict[str, str | int] | None = None) -> None: ...


_histogram: Histogram | None = None


def use_histogram(histogram: Histogram | None) -> None:
    """Turn the histogram on in this process, or off."""
    global _histogram
    _histogram = histogram


def observe(seconds: float, method: str, route: str, status: int, scheme: str) -> None:
    """Add the time of a request.

    Args:
        method: as returned by `telemetry.metrics.method_label`.
        route: template of the path, or `OTHER`.
    """
    if _histogram is None:
        return
    attributes: dict[str, str | int] = {
        "http.request.method": "_OTHER" if method == OTHER else method,
        "http.response.status_code": status,
        "url.scheme": scheme,
    }
    if route != OTHER:
        attributes["http.route"] = route
    if status >= 500:
        attributes["error.type"] = str(status)
    _histogram.record(seconds, attributes)
