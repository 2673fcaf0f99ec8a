"""The webhook, against a receiver that verifies signatures with another implementation."""

from __future__ import annotations

import asyncio
import subprocess
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Event as Signal

import pytest

from app.events.target import Failed, Gone, Outcome, Sent
from app.events.webhook import Webhook, sign
from config.values import webhook_keys
from storage.letters import Event
from tests.integration.events.conftest import START, event_of
from tests.support.receiver import SECRET, Receiver, Reply, running_receiver
from tests.support.recording import recording

OTHER = "whsec_" + "C" * 40


def send(
    url: str,
    event: Event,
    *,
    secret: str = SECRET,
    deadline: float = 30.0,
) -> Outcome:
    """Send one event, over connections of its own."""

    async def send() -> Outcome:
        webhook = Webhook(url, webhook_keys(secret), "/mlrf/shop", deadline=deadline)
        try:
            return await webhook.send(event)
        finally:
            await webhook.aclose()

    return asyncio.run(send())


def test_a_receiver_gets_a_cloud_event_that_it_can_verify(receiver: Receiver) -> None:
    assert send(receiver.url, event_of("a1b2")) == Sent()
    (delivery,) = receiver.deliveries
    assert delivery.path == "/events?from=mlrf"
    assert delivery.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert delivery.id == "a1b2"
    assert delivery.event == {
        "specversion": "1.0",
        "id": "a1b2",
        "source": "/mlrf/shop",
        "type": "mlrf.release.activated",
        "subject": "2026-11-20-0a1b",
        "time": "2026-11-21T07:31:00+00:00",
        "datacontenttype": "application/json",
        "data": {"é": [1]},
    }


def test_the_trace_of_an_attempt_is_passed_on_and_has_no_address(receiver: Receiver) -> None:
    with recording() as ended:
        send(receiver.url, event_of("a1b2"))
        send("http://127.0.0.1:1/hunter2", event_of("a1b2"))
    sent, failed = ended
    (delivery,) = receiver.deliveries
    trace, span = f"{sent.context.trace_id:032x}", f"{sent.context.span_id:016x}"
    assert delivery.headers["traceparent"].split("-")[1:3] == [trace, span]
    assert sent.attributes == {"mlrf.event": "mlrf.release.activated"}
    assert (failed.attributes or {})["error.type"] == "Failed"
    assert "hunter2" not in failed.to_json()


def test_while_a_secret_is_changed_a_receiver_may_know_either(receiver: Receiver) -> None:
    assert send(receiver.url, event_of("a"), secret=f"{OTHER} {SECRET}") == Sent()
    assert send(receiver.url, event_of("b"), secret=f"{SECRET} {OTHER}") == Sent()
    assert receiver.ids == ["a", "b"]


def test_a_receiver_with_another_secret_refuses(receiver: Receiver) -> None:
    assert send(receiver.url, event_of("a"), secret=OTHER) == Failed("answered 401")
    assert (receiver.ids, len(receiver.forged)) == ([], 1)


def test_openssl_makes_the_same_signature(tmp_path: Path) -> None:
    """The way that the documentation shows."""
    body = '{"id": "é"}'.encode()
    signature = sign("a1", 1_700_000_000, body, webhook_keys(SECRET))["webhook-signature"]
    signed = tmp_path / "signed"
    signed.write_bytes(b"a1.1700000000." + body)
    key = b64decode(SECRET.removeprefix("whsec_")).hex()
    done = subprocess.run(
        [
            "openssl",
            "dgst",
            "-sha256",
            "-mac",
            "HMAC",
            "-macopt",
            f"hexkey:{key}",
            "-binary",
            signed,
        ],
        capture_output=True,
        check=True,
    )
    assert b64decode(signature.removeprefix("v1,")) == done.stdout


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        pytest.param(200, Sent(), id="taken"),
        pytest.param(202, Sent(), id="taken for later"),
        pytest.param(500, Failed("answered 500"), id="failed"),
        pytest.param(404, Failed("answered 404"), id="not there yet"),
        pytest.param(410, Gone("answered 410"), id="gone for ever"),
    ],
)
def test_the_status_of_the_answer_decides(
    receiver: Receiver, status: int, outcome: Outcome
) -> None:
    receiver.reply = lambda delivery, number: Reply(status)
    assert send(receiver.url, event_of("a")) == outcome


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("120", 120.0, id="seconds"),
        pytest.param("soon", None, id="no time"),
        pytest.param("-5", None, id="a negative number"),
        pytest.param("9" * 400, 9_999_999_999.0, id="a number without end"),
        pytest.param(format_datetime(START - timedelta(days=900), usegmt=True), 0.0, id="the past"),
    ],
)
def test_the_time_after_which_a_receiver_wants_to_be_asked_again_is_read(
    receiver: Receiver, text: str, seconds: float | None
) -> None:
    receiver.reply = lambda delivery, number: Reply(429, {"retry-after": text})
    assert send(receiver.url, event_of("a")) == Failed("answered 429", seconds)


def test_that_time_may_be_a_date(receiver: Receiver) -> None:
    at = datetime.now(UTC) + timedelta(minutes=10)
    text = format_datetime(at, usegmt=True)
    receiver.reply = lambda delivery, number: Reply(503, {"retry-after": text})
    outcome = send(receiver.url, event_of("a"))
    assert isinstance(outcome, Failed)
    assert outcome.retry_after == pytest.approx(600, abs=60)


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    """An answer must not lead the service to addresses inside of its network."""
    with running_receiver() as inside:
        receiver.reply = lambda delivery, number: Reply(307, {"location": inside.url})
        outcome = send(receiver.url, event_of("a"))
        assert outcome == Failed("answered 307: redirects are not followed")
        assert inside.deliveries == []


def test_an_answer_that_does_not_come_is_not_waited_for(receiver: Receiver) -> None:
    never = Signal()
    receiver.reply = lambda delivery, number: Reply(wait=never)
    assert send(receiver.url, event_of("a"), deadline=0.5) == Failed("no answer within 0.5 s")
    never.set()


def test_a_receiver_that_is_down_is_reported_without_its_address(receiver: Receiver) -> None:
    with running_receiver() as down:
        url = down.url.replace("/events", "/a-secret-path")
    outcome = send(url, event_of("a"))
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("ConnectError")
    assert "a-secret-path" not in outcome.reason
