"""Variables of OpenTelemetry, by which traces and a metric are exported.

Those here decide what is exported and how. All others that the standard defines, such as
`OTEL_EXPORTER_OTLP_HEADERS` and `OTEL_RESOURCE_ATTRIBUTES`, are read by OpenTelemetry's SDK.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from importlib.util import find_spec
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from config.environment import Environment
from config.values import fault


class SignalExporter(StrEnum):
    """Destination of a signal."""

    OTLP = "otlp"
    NONE = "none"


class OtlpProtocol(StrEnum):
    """Protocol to a collector."""

    HTTP = "http/protobuf"
    GRPC = "grpc"


class TraceSampler(StrEnum):
    """Choice of the traces that are recorded; the names are those of the standard."""

    ALWAYS_ON = "always_on"
    ALWAYS_OFF = "always_off"
    RATIO = "traceidratio"
    PARENT_ALWAYS_ON = "parentbased_always_on"
    PARENT_ALWAYS_OFF = "parentbased_always_off"
    PARENT_RATIO = "parentbased_traceidratio"


_EXTRAS = {
    OtlpProtocol.HTTP: ("otlp", "opentelemetry.exporter.otlp.proto.http"),
    OtlpProtocol.GRPC: ("otlp-grpc", "opentelemetry.exporter.otlp.proto.grpc"),
}


class OpenTelemetrySettings(Environment):
    """Export of traces and of a metric; off unless an endpoint or an exporter is named."""

    otel_sdk_disabled: bool = Field(False, description="`true` turns all of it off.")
    otel_traces_exporter: SignalExporter | None = Field(
        None, description="Of traces; without it `otlp` if there is an endpoint for them."
    )
    otel_metrics_exporter: SignalExporter | None = Field(
        None,
        description="Of `http.server.request.duration`; without it `otlp` if there is an endpoint "
        "for it.",
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        None,
        description="Address of a collector, for both signals, such as `http://127.0.0.1:4318`.",
    )
    otel_exporter_otlp_traces_endpoint: str | None = Field(
        None, description="For traces alone, with its path, such as `/v1/traces`."
    )
    otel_exporter_otlp_metrics_endpoint: str | None = Field(
        None, description="For the metric alone, with its path, such as `/v1/metrics`."
    )
    otel_exporter_otlp_protocol: OtlpProtocol = Field(
        OtlpProtocol.HTTP, description="To the collector: needs the extra `otlp` or `otlp-grpc`."
    )
    otel_exporter_otlp_traces_protocol: OtlpProtocol | None = Field(
        None, description="For traces alone."
    )
    otel_exporter_otlp_metrics_protocol: OtlpProtocol | None = Field(
        None, description="For the metric alone."
    )
    otel_traces_sampler: TraceSampler = Field(
        TraceSampler.PARENT_ALWAYS_ON,
        description="Which traces are recorded; `parentbased_…`: those of a caller that records "
        "its own, and of others by what follows.",
    )
    otel_traces_sampler_arg: float = Field(
        1.0, ge=0, le=1, description="Share of the traces, for a sampler with `traceidratio`."
    )
    otel_service_name: str = Field("mlrf", min_length=1, description="Name of this service.")

    @property
    def traces(self) -> OtlpProtocol | None:
        """Protocol by which traces are exported; None where they are not."""
        return self._protocol_of(
            self.otel_traces_exporter,
            self.otel_exporter_otlp_traces_endpoint,
            self.otel_exporter_otlp_traces_protocol,
        )

    @property
    def metrics(self) -> OtlpProtocol | None:
        """Protocol by which the metric is exported; None where it is not."""
        return self._protocol_of(
            self.otel_metrics_exporter,
            self.otel_exporter_otlp_metrics_endpoint,
            self.otel_exporter_otlp_metrics_protocol,
        )

    @property
    def missing_extra(self) -> str | None:
        """Fault of a protocol whose library is not installed, or None."""
        for protocol in (self.traces, self.metrics):
            if protocol is not None and not _is_installed(_EXTRAS[protocol][1]):
                extra, module = _EXTRAS[protocol]
                return (
                    f"OTEL_EXPORTER_OTLP_PROTOCOL: {module} is not installed: {protocol} needs "
                    f"the extra `{extra}` of this project, pip install -e '.[{extra}]'"
                )
        return None

    def _protocol_of(
        self, exporter: SignalExporter | None, endpoint: str | None, protocol: OtlpProtocol | None
    ) -> OtlpProtocol | None:
        if exporter is None:
            has_endpoint = endpoint or self.otel_exporter_otlp_endpoint
            exporter = SignalExporter.OTLP if has_endpoint else SignalExporter.NONE
        if self.otel_sdk_disabled or exporter is SignalExporter.NONE:
            return None
        return protocol or self.otel_exporter_otlp_protocol

    @model_validator(mode="after")
    def _check_endpoints(self) -> Self:
        """Refuse an address that the exporter could only fail at."""
        faults = [
            InitErrorDetails(type=fault(wrong), loc=(name,), input=None)
            for name, wrong in self._find_wrong_endpoints()
        ]
        if faults:
            raise ValidationError.from_exception_data("Settings", faults, hide_input=True)
        return self

    def _find_wrong_endpoints(self) -> Iterator[tuple[str, str]]:
        names = ("", "traces_", "metrics_")
        for name in (f"otel_exporter_otlp_{signal}endpoint" for signal in names):
            address: Any = getattr(self, name)
            if address and not address.lower().startswith(("http://", "https://")):
                yield name, "an address that begins with http:// or https:// is expected"


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a parent package
        return False
