"""A file that is being downloaded: resumed where it broke off, complete when it has its name."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

import httpx

from mlrf_client._connection import failure_of
from mlrf_client._requests import Download
from mlrf_client.errors import ApiError, UnexpectedAnswer

_RESUMED, _PAST_THE_END = 206, 416
_AT_A_TIME = 2**20


class PartFile:
    """The part of a file that has arrived, beside the place of the whole one.

    What an earlier program has left there is not used: it may be of another export.
    """

    def __init__(self, download: Download) -> None:
        self.link = download.link
        self._target = download.path
        self._sha256 = download.sha256
        self._part = download.path.with_name(f"{download.path.name}.part")
        self._part.unlink(missing_ok=True)

    def headers(self) -> dict[str, str]:
        """Return the headers of a request for what is missing."""
        # bytes of a file that is compressed on the way could not be counted
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        return {**headers, "Range": f"bytes={size}-"} if (size := self._size()) else headers

    def open(self, response: httpx.Response) -> BinaryIO:
        """Open the part for the bytes of a response, which may have the file from its start."""
        return self._part.open("ab" if response.status_code == _RESUMED else "wb")

    def failure_of(self, response: httpx.Response) -> ApiError | None:
        """Return the error that a response is; None where there are no more bytes."""
        return None if response.status_code == _PAST_THE_END else failure_of(response)

    def finish(self) -> None:
        """Give the whole file its name.

        Raises:
            UnexpectedAnswer: its digest is another one; nothing is left of it.
        """
        digest = hashlib.sha256()
        with self._part.open("rb") as file:
            while chunk := file.read(_AT_A_TIME):
                digest.update(chunk)
        if digest.hexdigest() != self._sha256:
            self._part.unlink()
            raise UnexpectedAnswer("The file that arrived is not the one that the server wrote.")
        self._part.replace(self._target)

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0
