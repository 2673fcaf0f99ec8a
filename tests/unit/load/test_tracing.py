"""The comparison of servers that differ in tracing: its settings, and its figures."""

from __future__ import annotations

import pytest

from config.opentelemetry import OpenTelemetrySettings
from load.tracing import OFF, Measured, _table, variants
from load.wrk import WrkResult
from tests.support.command import set_environment


def measured(rate: float, microseconds: float) -> Measured:
    return Measured(WrkResult(rate, 1.0, 2.0, 3.0, failed=1), microseconds)


def test_ratios_are_medians_of_those_within_a_round() -> None:
    table = _table(
        {
            ("cached", OFF): [measured(100, 10), measured(50, 20), measured(100, 10)],
            ("computed", OFF): [measured(10, 100)] * 3,
            ("cached", "all"): [measured(50, 30), measured(25, 40), measured(80, 15)],
            ("computed", "all"): [measured(10, 100)] * 3,
        }
    )
    assert table.column("call") == ["cached", "cached", "computed", "computed"]
    assert table.rows[1] == ("cached", "all", 50, 3.0, 3, 0.5, 30, 2.0, 1.5, 3.0)
    assert table.column("CPU × off") == [1.0, 2.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("variant", "traces", "metrics", "share"),
    [
        pytest.param(OFF, None, None, 1.0, id="off"),
        pytest.param("traces, 10 %", "http/protobuf", None, 0.1, id="a tenth"),
        pytest.param("traces, 0 %", "http/protobuf", None, 0.0, id="none"),
        pytest.param("http.server.request.duration", None, "http/protobuf", 1.0, id="the metric"),
    ],
)
def test_the_settings_are_those_of_their_names(
    monkeypatch: pytest.MonkeyPatch,
    variant: str,
    traces: str | None,
    metrics: str | None,
    share: float,
) -> None:
    set_environment(monkeypatch, **variants("http://127.0.0.1:4318")[variant])
    settings = OpenTelemetrySettings()
    assert (settings.traces, settings.metrics) == (traces, metrics)
    assert settings.otel_traces_sampler_arg == share
