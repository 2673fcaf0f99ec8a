"""The topic of Kafka, against the mock cluster of librdkafka and with a consumer of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer

from app.events.kafka import KafkaTopic, parse_options
from app.events.target import Failed, Outcome, Sent
from storage.letters import Event
from tests.integration.events.conftest import event_of

TOPIC = "mlrf.events"


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The addresses of a cluster of three brokers, which live in a producer of this process."""
    owner = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 3, "log_level": 0})
    brokers = owner.list_topics(timeout=30).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    del owner


def send(servers: str, *events: Event, deadline: float = 30.0, **options: str) -> list[Outcome]:
    async def send() -> list[Outcome]:
        topic = KafkaTopic(servers, TOPIC, options, "/mlrf", deadline=deadline)
        try:
            return [await topic.send(event) for event in events]
        finally:
            await topic.aclose()

    return asyncio.run(send())


def consume(servers: str, number: int) -> list[Any]:
    """Return the first messages of the topic, from its beginning."""
    consumer = Consumer(
        {"bootstrap.servers": servers, "group.id": "test", "auto.offset.reset": "earliest"}
    )
    try:
        consumer.subscribe([TOPIC])
        messages = []
        while len(messages) < number:
            message = consumer.poll(60)
            assert message is not None, "no message within a minute"
            if message.error() is None:
                messages.append(message)
        return messages
    finally:
        consumer.close()


def test_a_consumer_gets_cloud_events_by_their_subjects(cluster: str) -> None:
    assert send(cluster, event_of("a1"), event_of("b2")) == [Sent(), Sent()]
    first, second = consume(cluster, 2)
    assert [json.loads(each.value())["id"] for each in (first, second)] == ["a1", "b2"]
    assert first.key() == second.key() == b"2026-11-20-0a1b"
    assert first.partition() == second.partition(), "events of a subject are in one partition"
    assert first.headers() == [("content-type", b"application/cloudevents+json; charset=utf-8")]
    assert json.loads(first.value()) == {
        "specversion": "1.0",
        "id": "a1",
        "source": "/mlrf",
        "type": "mlrf.release.activated",
        "subject": "2026-11-20-0a1b",
        "time": "2026-11-21T07:31:00+00:00",
        "datacontenttype": "application/json",
        "data": {"é": [1]},
    }


def test_a_cluster_that_is_down_is_a_failure_that_is_tried_again() -> None:
    (outcome,) = send("127.0.0.1:1", event_of("a"), deadline=2.0)
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("Kafka: _MSG_TIMED_OUT")


def test_a_producer_that_failed_is_replaced(cluster: str) -> None:
    """Some errors make an idempotent producer useless for ever."""

    async def fail_and_recover() -> list[Outcome]:
        topic = KafkaTopic("127.0.0.1:1", TOPIC, {}, "/mlrf", deadline=2.0)
        outcomes = [await topic.send(event_of("a"))]
        topic._options["bootstrap.servers"] = cluster
        topic._options["message.timeout.ms"] = 30_000
        topic._deadline = 60.0
        return [*outcomes, await topic.send(event_of("a"))]

    failed, sent = asyncio.run(fail_and_recover())
    assert (type(failed), sent) == (Failed, Sent())


def test_options_that_the_library_refuses_are_a_failure(tmp_path: Path) -> None:
    options = {"security.protocol": "SSL", "ssl.ca.location": f"{tmp_path}/missing.pem"}
    (outcome,) = send("127.0.0.1:1", event_of("a"), deadline=2.0, **options)
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("Kafka: ")


def test_a_cluster_that_speaks_no_tls_gets_nothing_in_the_clear(cluster: str) -> None:
    options = parse_options('{"security.protocol": "SSL"}')
    (outcome,) = send(cluster, event_of("c3"), deadline=3.0, **options)
    assert isinstance(outcome, Failed)
