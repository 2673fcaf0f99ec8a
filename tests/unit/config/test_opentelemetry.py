"""Variables of OpenTelemetry: off by default, wrong ones refused at the start."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from pydantic import ValidationError

from config import opentelemetry
from config.opentelemetry import OpenTelemetrySettings
from config.settings import describe_faults
from tests.support.command import set_environment

ENDPOINT = "http://127.0.0.1:4318"
HTTP, GRPC = "http/protobuf", "grpc"


@pytest.mark.parametrize(
    ("variables", "traces", "metrics"),
    [
        pytest.param({}, None, None, id="nothing"),
        pytest.param({"ENDPOINT": ENDPOINT}, HTTP, HTTP, id="an endpoint"),
        pytest.param({"ENDPOINT": ENDPOINT, "PROTOCOL": "grpc"}, GRPC, GRPC, id="gRPC"),
        pytest.param({"TRACES_ENDPOINT": ENDPOINT}, HTTP, None, id="an endpoint of traces"),
        pytest.param({"METRICS_ENDPOINT": ENDPOINT}, None, HTTP, id="an endpoint of metrics"),
        pytest.param(
            {"ENDPOINT": ENDPOINT, "TRACES_PROTOCOL": "grpc"}, GRPC, HTTP, id="a protocol each"
        ),
        pytest.param({"OTEL_TRACES_EXPORTER": "otlp"}, HTTP, None, id="an exporter alone"),
        pytest.param(
            {"ENDPOINT": ENDPOINT, "OTEL_METRICS_EXPORTER": "none"}, HTTP, None, id="no metric"
        ),
        pytest.param(
            {"ENDPOINT": ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, None, HTTP, id="no traces"
        ),
        pytest.param(
            {"ENDPOINT": ENDPOINT, "OTEL_SDK_DISABLED": "true"}, None, None, id="turned off"
        ),
    ],
)
def test_a_signal_is_exported_where_its_exporter_or_an_endpoint_is_named(
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    traces: str | None,
    metrics: str | None,
) -> None:
    set_environment(monkeypatch, **_long(variables))
    settings = OpenTelemetrySettings()
    assert (settings.traces, settings.metrics) == (traces, metrics)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", id="a protocol of others"),
        pytest.param("OTEL_TRACES_EXPORTER", "zipkin", id="an exporter of others"),
        pytest.param("OTEL_TRACES_SAMPLER", "sometimes", id="an unknown sampler"),
        pytest.param("OTEL_TRACES_SAMPLER_ARG", "10", id="a share in per cent"),
        pytest.param("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", id="no scheme"),
        pytest.param("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "hunter2", id="no address"),
        pytest.param("OTEL_SDK_DISABLED", "maybe", id="neither true nor false"),
    ],
)
def test_a_wrong_value_is_refused_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    set_environment(monkeypatch, **{name: value})
    with pytest.raises(ValidationError) as wrong:
        OpenTelemetrySettings()
    line = describe_faults(wrong.value)
    assert line.startswith(f"{name}: ")
    assert value not in line.removeprefix(name) or value in ("10", "maybe")


@pytest.mark.parametrize(
    ("protocol", "extra"),
    [pytest.param(HTTP, "otlp", id="http"), pytest.param(GRPC, "otlp-grpc", id="grpc")],
)
def test_a_protocol_that_is_not_installed_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, protocol: str, extra: str
) -> None:
    def find_none(name: str) -> Any:
        raise ModuleNotFoundError(name)

    variables = {"ENDPOINT": ENDPOINT, "PROTOCOL": protocol}
    set_environment(monkeypatch, **_long(variables))
    assert OpenTelemetrySettings().missing_extra is None
    monkeypatch.setattr(opentelemetry, "find_spec", find_none)
    missing = OpenTelemetrySettings().missing_extra
    assert missing is not None
    assert f"the extra `{extra}` of" in missing
    set_environment(monkeypatch)
    assert OpenTelemetrySettings().missing_extra is None
    assert importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") is not None


def _long(variables: dict[str, str]) -> dict[str, str]:
    return {
        name if name.startswith("OTEL_") else f"OTEL_EXPORTER_OTLP_{name}": value
        for name, value in variables.items()
    }
