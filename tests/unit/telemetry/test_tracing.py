"""Spans: one decision for a trace, its ids, parents over tasks and threads, and nothing if off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio
import anyio.to_thread
import pytest
from opentelemetry.trace import SpanKind, StatusCode

from telemetry import spans
from telemetry.spans import NO_SPAN, Headers
from telemetry.stages import Stage, timed
from tests.support.recording import recording

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
RECORDED, UNRECORDED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"


def sent(*headers: tuple[str, str]) -> Headers:
    return [(name.encode(), value.encode()) for name, value in headers]


# --- off --------------------------------------------------------------------------------------


def test_where_tracing_is_off_all_spans_are_one_object_without_effect() -> None:
    with spans.open_request("GET", sent(("traceparent", RECORDED)), {}) as span:
        assert span is spans.child("cache") is spans.outbound("send event") is NO_SPAN
        assert (span.recorded, span.ids) == (False, None)
        assert (spans.log_fields(), spans.outbound_headers()) == ({}, {})


# --- the decision -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "header", "recorded"),
    [
        pytest.param(1.0, None, True, id="all traces"),
        pytest.param(0.0, None, False, id="no trace"),
        pytest.param(0.0, RECORDED, True, id="the caller records its trace"),
        pytest.param(1.0, UNRECORDED, False, id="the caller does not"),
    ],
)
def test_a_request_is_recorded_as_its_caller_does_else_by_share(
    share: float, header: str | None, recorded: bool
) -> None:
    headers = () if header is None else sent(("traceparent", header))
    with recording(share) as ended, spans.open_request("GET", headers, {}) as span:
        assert span.recorded is recorded
        with spans.child("cache"):
            pass
    assert ended.names == (["cache", "GET"] if recorded else [])


def test_the_share_of_the_traces_is_kept() -> None:
    with recording(0.1) as ended:
        for _ in range(3000):
            with spans.open_request("GET", (), {}), spans.child("cache"):
                pass
    assert 200 < len(ended.names) / 2 < 400
    assert ended.names.count("cache") == ended.names.count("GET")


def test_a_trace_that_was_chosen_has_the_id_that_it_was_chosen_by() -> None:
    """By its id other services choose the same traces."""
    bound = round(0.5 * 2**64)
    with recording(0.5) as ended:
        for _ in range(200):
            with spans.open_request("GET", (), {}):
                pass
    assert all(span.context.trace_id % 2**64 < bound for span in ended)


# --- the caller's trace -----------------------------------------------------------------------


def test_a_trace_of_the_caller_is_continued() -> None:
    headers = sent(("traceparent", RECORDED), ("tracestate", "a=1"), ("tracestate", "b=2"))
    with recording(0.0) as ended, spans.open_request("GET", headers, {}) as span:
        assert span.ids is not None
        assert span.ids.trace == TRACE
    (span,) = ended
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == PARENT
    assert span.context.trace_state.to_header() == "a=1,b=2"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(sent(("traceparent", value)), id=name)
        for name, value in {
            "empty": "",
            "text": "hunter2",
            "of zeros": f"00-{'0' * 32}-{PARENT}-01",
            "too short": RECORDED[:-3],
            "version ff": f"ff{RECORDED[2:]}",
            "longer in version 00": f"{RECORDED}-x",
            "capitals": RECORDED.upper(),
            "not latin": "00-\xff-1",
        }.items()
    ]
    + [
        pytest.param(sent(*[("traceparent", RECORDED)] * 2), id="twice"),
        pytest.param(sent(("tracestate", "a=1")), id="a state alone"),
    ],
)
def test_a_malformed_trace_is_ignored(headers: Headers) -> None:
    with recording() as ended, spans.open_request("GET", headers, {}):
        pass
    (span,) = ended
    assert span.parent is None
    assert f"{span.context.trace_id:032x}" != TRACE
    assert not span.context.trace_state


# --- ids and headers --------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["not recorded", "recorded"])
def test_a_call_within_a_trace_passes_on_its_ids_and_its_decision(share: float) -> None:
    with recording(share), spans.open_request("GET", (), {}) as span:
        ids, recorded = span.ids, span.recorded
        assert ids is not None
        version, trace, parent, flags = spans.outbound_headers()["traceparent"].split("-")
        assert (version, trace) == ("00", ids.trace)
        assert int(flags, 16) & 1 == recorded
        assert not recorded or parent == ids.span
        fields = {"trace_id": ids.trace, **({"span_id": ids.span} if recorded else {})}
        assert spans.log_fields() == fields


def test_a_call_that_no_request_has_caused_begins_a_trace() -> None:
    with recording() as ended, spans.outbound("send event", {"mlrf.event": "x"}):
        assert int(spans.outbound_headers()["traceparent"][-2:], 16) & 1
    (span,) = ended
    assert (span.parent, span.kind) == (None, SpanKind.CLIENT)


# --- parents ----------------------------------------------------------------------------------


def in_task(work: Callable[[], None]) -> None:
    async def run() -> None:
        async def task() -> None:
            work()

        await asyncio.create_task(task())

    asyncio.run(run())


def in_thread(work: Callable[[], None]) -> None:
    async def run() -> None:
        await anyio.to_thread.run_sync(work)

    anyio.run(run)


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(lambda work: work(), id="here"),
        pytest.param(in_task, id="in a task"),
        pytest.param(in_thread, id="in a thread"),
    ],
)
def test_a_stage_is_a_child_of_what_it_runs_in(run: Callable[[Callable[[], None]], None]) -> None:
    def work() -> None:
        with timed(Stage.INFERENCE, {"mlrf.rows": 7}):
            spans.request_span().set({"mlrf.level": "store"})

    with recording() as ended, spans.open_request("GET", (), {}), spans.child("computation"):
        run(work)
    inference, computation = ended.by_name("inference"), ended.by_name("computation")
    assert inference.parent == computation.context
    assert inference.attributes == {"mlrf.rows": 7}
    assert ended.by_name("GET").attributes == {"mlrf.level": "store"}


def test_work_outside_of_a_request_has_no_span() -> None:
    """The worker's own transactions, twice a second, would hide those of requests."""
    with recording() as ended, timed(Stage.STORAGE):
        pass
    assert ended.names == []


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        pytest.param(
            stage,
            SpanKind.CLIENT if stage in {Stage.STORAGE, Stage.REDIS} else SpanKind.INTERNAL,
            id=stage,
        )
        for stage in Stage
    ],
)
def test_calls_of_other_servers_are_those_of_a_client(stage: Stage, kind: SpanKind) -> None:
    with recording() as ended, spans.open_request("GET", (), {}), timed(stage):
        pass
    assert ended.by_name(stage).kind is kind


# --- failures ---------------------------------------------------------------------------------


def test_a_failure_has_its_type_and_not_its_message() -> None:
    def fail() -> None:
        with spans.open_request("GET", (), {}), timed(Stage.FEATURES):
            raise ValueError("hunter2")

    with recording() as ended, pytest.raises(ValueError, match="hunter2"):
        fail()
    for span in ended:
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description is None
        assert span.attributes == {"error.type": "ValueError"}
        assert not span.events
        assert "hunter2" not in span.to_json()
    assert ended.names == ["features", "GET"]
