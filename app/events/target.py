"""A target of events, and how an attempt to send one to it may end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from storage.letters import Event

DEADLINE_SECONDS = 15.0
"""Time for one attempt, from the connection to the answer; well below the lease of a worker."""


@dataclass(frozen=True)
class Sent:
    """The target has the event."""


@dataclass(frozen=True)
class Failed:
    """The target may not have the event; it is sent again.

    Attributes:
        reason: for an operator; holds no secret.
        retry_after: seconds for which the target asked to be left alone, if it did.
    """

    reason: str
    retry_after: float | None = None


@dataclass(frozen=True)
class Gone:
    """The target wants no more events, ever."""

    reason: str


Outcome = Sent | Failed | Gone


class Target(Protocol):
    """A receiver of events.

    Attributes:
        name: of the target in the outbox and in metrics.
        address: digest of where it sends to.
    """

    name: str
    address: str

    async def send(self, event: Event) -> Outcome:
        """Send one event; never raise for a fault of the target."""
        ...

    async def aclose(self) -> None:
        """Close its connections."""
        ...
