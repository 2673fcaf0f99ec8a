"""Kafka: events as messages of a topic, by the Kafka binding of CloudEvents in structured mode."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from hashlib import sha256
from importlib import import_module
from typing import Any

import anyio
import anyio.to_thread

from app.events.cloud_event import MEDIA_TYPE, render
from app.events.target import DEADLINE_SECONDS, Failed, Outcome, Sent
from storage.letters import Event

_log = logging.getLogger(__name__)


class KafkaTopic:
    """The topic of an operator.

    A message counts as sent when all replicas in sync have it. Its key is the event's subject, so
    that the events of one subject are in one partition.

    Args:
        servers: brokers to begin with, separated by commas.
        options: further properties of librdkafka, for encryption and authentication.
        source: of the CloudEvents.
    """

    name = "kafka"

    def __init__(
        self,
        servers: str,
        topic: str,
        options: Mapping[str, str],
        source: str,
        *,
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        self.address = sha256(f"{servers} {topic}".encode()).hexdigest()
        self._topic = topic
        self._source = source
        self._deadline = deadline
        self._options = {
            **options,
            "bootstrap.servers": servers,
            "acks": "all",
            "enable.idempotence": True,  # the retries of the library itself send nothing twice
            "message.timeout.ms": int(deadline * 800),  # it reports before the deadline
            "log_level": 3,
        }
        self._producer: Any = None
        self._threads = anyio.CapacityLimiter(1)

    async def send(self, event: Event) -> Outcome:
        """Send an event, and wait until the brokers have it."""
        return await anyio.to_thread.run_sync(
            self._send, event, limiter=self._threads, abandon_on_cancel=True
        )

    async def aclose(self) -> None:
        """Forget the producer; a message that it still has is sent again by another worker."""
        self._producer = None

    def _send(self, event: Event) -> Outcome:
        kafka = import_module("confluent_kafka")  # an extra; its absence was reported at the start
        reports: list[Any] = []
        try:
            if self._producer is None:
                self._producer = kafka.Producer(self._options, logger=_log)
            self._producer.produce(
                self._topic,
                key=event.subject,
                value=render(event, self._source),
                headers={"content-type": f"{MEDIA_TYPE}; charset=utf-8"},
                on_delivery=lambda error, message: reports.append(error),
            )
            self._producer.flush(self._deadline)
        except (kafka.KafkaException, BufferError) as error:
            self._producer = None
            return Failed(_reason_of(error))
        if not reports:
            self._producer = None
            return Failed(f"no answer within {self._deadline:g} s")
        if reports[0] is None:
            return Sent()
        self._producer = None  # an idempotent one is of no use after some errors
        return Failed(_reason_of(reports[0]))


def parse_options(text: str) -> dict[str, str]:
    """Return the properties in `KAFKA_OPTIONS`, which the settings have checked."""
    return {name: str(value) for name, value in json.loads(text).items()}


def _reason_of(error: Any) -> str:
    """Return the name and the text of an error of librdkafka."""
    first = error.args[0] if isinstance(error, Exception) and error.args else error
    if not hasattr(first, "name"):
        return f"Kafka: {type(error).__name__}: {error}"
    return f"Kafka: {first.name()}: {first.str()}"
