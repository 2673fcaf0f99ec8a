"""The webhook: events as signed HTTP requests, by the Standard Webhooks specification."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256

import anyio
import anyio.to_thread
import httpx

from app.events.cloud_event import MEDIA_TYPE, render
from app.events.target import DEADLINE_SECONDS, Failed, Gone, Outcome, Sent
from config.version import __version__
from storage.key_store import utc_now
from storage.letters import Event
from telemetry import spans

_GONE = 410


class Webhook:
    """The webhook of an operator.

    Redirects are not followed, and answers are not read: they could lead elsewhere, or never end.

    Args:
        url: where events are posted to.
        secrets: keys of signatures; a request has a signature of each, so that a receiver can
            change from one to the next.
        source: of the CloudEvents.
        clock: the time, aware; of a signature.
    """

    name = "webhook"

    def __init__(
        self,
        url: str,
        secrets: Sequence[bytes],
        source: str,
        *,
        deadline: float = DEADLINE_SECONDS,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.address = sha256(url.encode()).hexdigest()
        self._url = url
        self._secrets = tuple(secrets)
        self._source = source
        self._deadline = deadline
        self._clock = clock
        self._client: httpx.AsyncClient | None = None

    async def send(self, event: Event) -> Outcome:
        """Post an event, signed."""
        body = render(event, self._source)
        now = self._clock()
        headers = {
            "content-type": f"{MEDIA_TYPE}; charset=utf-8",
            **sign(event.id, int(now.timestamp()), body, self._secrets),
        }
        with spans.outbound("send event", {"mlrf.event": event.kind}) as span:
            outcome = await self._post(body, {**headers, **spans.outbound_headers()}, now)
            if not isinstance(outcome, Sent):
                span.fail(type(outcome).__name__)
            return outcome

    async def _post(self, body: bytes, headers: dict[str, str], now: datetime) -> Outcome:
        try:
            with anyio.fail_after(self._deadline):
                if self._client is None:  # reads the certificates: too long for the event loop
                    self._client = await anyio.to_thread.run_sync(self._open_client)
                async with self._client.stream(
                    "POST", self._url, content=body, headers=headers
                ) as response:
                    return _outcome_of(response, now)
        except TimeoutError:
            return Failed(f"no answer within {self._deadline:g} s")
        except httpx.HTTPError as error:
            return Failed(f"{type(error).__name__}: {error}".removesuffix(": "))
        except (OSError, httpx.InvalidURL) as error:  # the address may be a secret
            return Failed(type(error).__name__)

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _open_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            timeout=self._deadline,
            follow_redirects=False,
            headers={"user-agent": f"mlrf/{__version__}", "accept": "*/*"},
            limits=httpx.Limits(max_connections=1, keepalive_expiry=30),
        )


def sign(name: str, timestamp: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """Return the headers of a message by Standard Webhooks, with a signature of each secret.

    Args:
        name: of the message; the same for each attempt, so that a receiver recognizes it.
        timestamp: of the attempt, in seconds since 1970.
    """
    signed = f"{name}.{timestamp}.".encode() + body
    signatures = (b64encode(hmac.digest(secret, signed, "sha256")).decode() for secret in secrets)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _outcome_of(response: httpx.Response, now: datetime) -> Outcome:
    if response.is_success:
        return Sent()
    reason = f"answered {response.status_code}"
    if response.status_code == _GONE:
        return Gone(reason)
    if response.has_redirect_location:
        return Failed(f"{reason}: redirects are not followed")
    return Failed(reason, _retry_after(response.headers.get("retry-after", ""), now))


def _retry_after(text: str, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header: a number, or a date (RFC 9110, 10.2.3)."""
    if text.isascii() and text.isdecimal():
        return float(text[:10])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return max(0.0, (at - now).total_seconds())
