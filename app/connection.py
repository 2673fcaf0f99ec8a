"""Transport of a connection whose close lets the client read the last response.

A socket that is closed while bytes wait in its receive buffer is reset, and the reset may discard
the response before the client has read it (RFC 9112 section 9.6). So a connection whose request
was not read to its end is half-closed first: the rest is read and discarded, up to a number of
bytes and seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

LINGER_SECONDS = 5.0
LINGER_BYTES = 16 * 2**20
FLUSH_SECONDS = 60.0
"""Time in which a client must read what was written before the connection was closed."""


class LingeringTransport:
    """The part of a transport that uvicorn's protocol uses, with a `close` that lingers.

    Args:
        on_close: called when this side closes the connection; returns whether a part of the current
            request is unread.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        on_close: Callable[[], bool],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._on_close = on_close
        self._closing = False
        self._discarded = 0
        self._timer: asyncio.TimerHandle | None = None
        # the transport's own methods until it is closed, without a wrapper: both are called for
        # every response
        self.write: Callable[[bytes], object] = transport.write
        self.is_closing: Callable[[], bool] = transport.is_closing

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def close(self) -> None:
        """Write what is buffered, then close; abort if the client does not read it in time."""
        if self._closing:
            return
        self._end_writing()
        # Half-close first (write_eof), then read and discard: a full close with unread bytes in
        # the receive buffer makes the kernel reset the connection, and the client may lose the
        # response. The timer ends both waits, for the client to stop sending and for the client to
        # read what is buffered; without it an idle client would hold the socket for ever.
        lingering = self._on_close() and not self._transport.is_closing()
        if lingering and self._transport.can_write_eof():
            self._transport.write_eof()
            self._transport.resume_reading()
        else:
            self._transport.close()
        flushed = self._transport.get_write_buffer_size() == 0
        if lingering or not flushed:
            seconds = LINGER_SECONDS if flushed else FLUSH_SECONDS
            self._timer = self._loop.call_later(seconds, self._transport.abort)

    def discard(self, size: int) -> None:
        """Count bytes that arrive after the response, and close at `LINGER_BYTES`."""
        self._discarded += size
        if self._discarded > LINGER_BYTES:
            self._end_writing()
            self._transport.close()

    def release(self) -> None:
        """Release the timer of a connection that the client or the loop has closed."""
        self._end_writing()
        if self._timer is not None:
            self._timer.cancel()

    def _end_writing(self) -> None:
        self._closing, self.write, self.is_closing = True, _discard, lambda: True


def _discard(data: bytes) -> None:
    """Drop what is written to a connection that is being closed."""
