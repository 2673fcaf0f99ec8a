"""Exports of both clients: waited for, downloaded in parts, complete or not there."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from mlrf_client import (
    AsyncClient,
    Client,
    ExportFailed,
    Forbidden,
    NoAnswer,
    Retries,
    UnexpectedAnswer,
    _exports,
)
from mlrf_client._exports import download_export, wait_for_export

URL, KEY = "http://forecasts.test/base/", "mlrf_abc_secret"
CONTENT = bytes(range(256)) * 40
DIGEST = hashlib.sha256(CONTENT).hexdigest()
LINK = "/exports/0123/file?expires=9&signature=ab"
Call = Callable[..., Any]


def document(state: str = "succeeded", **members: Any) -> dict[str, Any]:
    none = ("started_at", "finished_at", "expires_at", "progress", "detail", "rows", "bytes")
    return {
        "id": "0123",
        "state": state,
        "request": {},
        "model_version": "b",
        "snapshot": "s",
        "queued_at": "2026-03-01T12:00:00+00:00",
        **dict.fromkeys((*none, "sha256", "download", "download_expires_at")),
        **members,
    }


def linked(link: str = LINK, digest: str = DIGEST) -> dict[str, Any]:
    return document(download=link, sha256=digest)


class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body whose connection breaks after some bytes."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self) -> Any:
        yield self.content
        raise httpx.ReadError("the connection broke")

    async def __aiter__(self) -> Any:
        yield self.content
        raise httpx.ReadError("the connection broke")


class Whole(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that arrives in two parts."""

    def __init__(self, content: bytes) -> None:
        self.parts = content[:100], content[100:]

    def __iter__(self) -> Any:
        yield from self.parts

    async def __aiter__(self) -> Any:
        for part in self.parts:
            yield part


class Server:
    """A transport with an export, whose file is sent up to a byte at each request."""

    def __init__(self, export: dict[str, Any], *breaks: int, ranges: bool = True) -> None:
        self.export = export
        self.breaks = list(breaks)
        self.ranges = ranges
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if "signature" not in str(request.url):
            return httpx.Response(200, json=self.export)
        start, status = 0, 200
        if self.ranges and (wanted := request.headers.get("range")):
            start, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
        if start >= len(CONTENT):
            return httpx.Response(416)
        if self.breaks:
            return httpx.Response(status, stream=Broken(CONTENT[start : self.breaks.pop(0)]))
        return httpx.Response(status, stream=Whole(CONTENT[start:]))


def blocking(server: Any, operation: str, *arguments: Any) -> Any:
    transport = httpx.MockTransport(server)
    with Client(URL, KEY, retries=Retries(3, first_delay=0.0), transport=transport) as client:
        return getattr(client, operation)(*arguments)


def awaited(server: Any, operation: str, *arguments: Any) -> Any:
    async def run() -> Any:
        transport = httpx.MockTransport(server)
        retries = Retries(3, first_delay=0.0)
        async with AsyncClient(URL, KEY, retries=retries, transport=transport) as client:
            return await getattr(client, operation)(*arguments)

    return asyncio.run(run())


both = pytest.mark.parametrize("call", [blocking, awaited])


@both
@pytest.mark.parametrize(
    ("breaks", "ranges"),
    [((), True), ((1000, 5000), True), ((1000, 5000), False), ((len(CONTENT),), True)],
    ids=["at once", "resumed twice", "begun again", "broken after the last byte"],
)
def test_a_file_arrives_whole(
    call: Call, tmp_path: Path, breaks: tuple[int, ...], ranges: bool
) -> None:
    target = tmp_path / "forecasts.csv"
    assert call(Server(linked(), *breaks, ranges=ranges), "download_export", "0123", target)
    assert target.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [target]


@both
@pytest.mark.parametrize(
    ("link", "url"),
    [
        (LINK, f"http://forecasts.test/base{LINK}"),
        ("https://bucket.test/x?signature=ab", "https://bucket.test/x?signature=ab"),
    ],
    ids=["of the server", "of a store of objects"],
)
def test_the_key_is_not_sent_to_where_a_link_leads(
    call: Call, tmp_path: Path, link: str, url: str
) -> None:
    server = Server(linked(link))
    call(server, "download_export", "0123", tmp_path / "file")
    first, second = server.requests
    assert first.headers["x-api-key"] == KEY
    assert str(second.url) == url
    assert KEY not in str(second.headers)


@both
def test_a_file_of_another_digest_is_not_put_in_its_place(call: Call, tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"of yesterday")
    with pytest.raises(UnexpectedAnswer, match="not the one that the server wrote"):
        call(Server(linked(digest="0" * 64)), "download_export", "0123", target)
    assert target.read_bytes() == b"of yesterday"
    assert list(tmp_path.iterdir()) == [target]


@both
def test_a_connection_that_always_breaks_is_no_answer(call: Call, tmp_path: Path) -> None:
    server = Server(linked(), *range(10, 100, 10))
    with pytest.raises(NoAnswer):
        call(server, "download_export", "0123", tmp_path / "file")
    assert not (tmp_path / "file").exists()


@both
def test_a_link_that_is_refused_is_the_servers_problem(call: Call, tmp_path: Path) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        if "signature" in str(request.url):
            return httpx.Response(403, json={"code": "LINK_INVALID", "detail": "It has expired."})
        return httpx.Response(200, json=linked())

    with pytest.raises(Forbidden, match="It has expired"):
        call(refuse, "download_export", "0123", tmp_path / "file")


@both
def test_an_export_is_waited_for(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_exports, "_SHORTEST_PAUSE", 0.0)
    states = iter(["queued", "running", "running", "succeeded"])

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=document(next(states)))

    assert call(answer, "wait_for_export", "0123").state == "succeeded"
    assert next(states, None) is None


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_an_export_that_has_no_file_says_why(state: str, tmp_path: Path) -> None:
    for steps in (wait_for_export("0123"), download_export("0123", tmp_path / "file")):
        next(steps)
        with pytest.raises(ExportFailed, match=state):
            steps.send(document(state, detail="The disk is full."))


def test_waiting_ends_after_its_time() -> None:
    steps = wait_for_export("0123", seconds=0.0)
    next(steps)
    with pytest.raises(NoAnswer, match="not ended within 0 s"):
        steps.send(document("running"))
