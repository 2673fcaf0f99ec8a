"""Events as CloudEvents 1.0, in structured mode: one JSON document, the same for all targets."""

from __future__ import annotations

from datetime import UTC

import orjson

from storage.letters import Event

MEDIA_TYPE = "application/cloudevents+json"


def render(event: Event, source: str) -> bytes:
    """Return the CloudEvents document of an event, the same bytes for every attempt.

    Args:
        source: the service, as a URI reference; with the event's id it is unique.
    """
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": event.id,
            "source": source,
            "type": event.kind,
            "subject": event.subject,
            "time": event.at.astimezone(UTC).isoformat(),
            "datacontenttype": "application/json",
            "data": event.data,
        }
    )
