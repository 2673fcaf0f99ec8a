"""The whole application as a worker composes it, in this process and over a real release.

What BentoML would answer is answered by a stub, which takes every path: a call that gets there
without a key has been left open.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx
import jwt
import orjson
from pydantic import SecretStr
from starlette.types import Message, Receive, Scope, Send

from api.routes import Serving
from application import Application
from artifacts import Store
from models.release import LoadedRelease
from models.watcher import ReleaseWatcher
from settings import Settings
from storage.database import open_database
from storage.keys import Scope as KeyScope
from storage.migrations import upgrade
from tests.contract.conftest import Client

KEY = "a-key-of-the-environment"
SECRET = "a-secret-that-signs-tokens-of-32-characters"
AUDIENCE = "mlrf-tests"
BEHIND = b"the framework behind"
EVERY_SCOPE = frozenset(map(str, KeyScope))


def token(scopes: Collection[str], *, tier: str = "unlimited", subject: str = "anna") -> str:
    """A bearer token with scopes."""
    now = int(time.time())
    claims = {"sub": subject, "aud": AUDIENCE, "exp": now + 600, "scope": " ".join(scopes)}
    return jwt.encode({**claims, "tier": tier}, SECRET, algorithm="HS256")


def bearer(scopes: Collection[str], **claims: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(scopes, **claims)}"}


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BEHIND})


def composed(
    folder: Path, store: Store, release: LoadedRelease, serving: Serving, **settings: Any
) -> Application:
    """A worker with its database in `folder`; nobody is limited unless `settings` say so."""
    url = f"sqlite:///{folder}/mlrf.db"
    given: dict[str, Any] = {
        "artifacts_dir": store.root,
        "database_url": SecretStr(url),
        "api_key": SecretStr(KEY),
        "jwt_secret": SecretStr(SECRET),
        "jwt_audience": AUDIENCE,
        "tiers": {"anonymous": {"quota": 100_000, "window": 10, "burst": 100_000}},
        **settings,
    }
    database = open_database(url)
    upgrade(database)
    database.dispose()
    watcher: ReleaseWatcher[LoadedRelease] = ReleaseWatcher(store, lambda store, name: release)
    watcher.look()
    return Application(Settings(**given), watcher, lambda: serving, behind)


class KeyClient(Client):
    """A client that sends a key with every request that brings none of its own."""

    def request(self, method: str, url: str, **how: Any) -> httpx.Response:
        headers = {"X-API-Key": KEY, **how.pop("headers", {})}
        if "Authorization" in headers:
            del headers["X-API-Key"]
        return super().request(method, url, headers=headers, **how)


@dataclass(frozen=True)
class Asked:
    """A request as a server hands it over, whatever a client library would make of its path.

    Attributes:
        path: decoded, as in the scope.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"


@dataclass
class Told:
    """What was answered."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def code(self) -> str | None:
        if self.headers.get("content-type") != "application/problem+json":
            return None
        code: str = orjson.loads(self.body)["code"]
        return code


def ask(app: Application, *requests: Asked) -> list[Told]:
    """The answers to requests, one after the other."""

    async def asking() -> list[Told]:
        return [await _told(app, asked) for asked in requests]

    return anyio.run(asking)


async def _told(app: Application, asked: Asked) -> Told:
    told = Told()
    headers = {"content-type": "application/json", **asked.headers}
    scope = {
        "type": "http",
        "method": asked.method,
        "path": asked.path,
        "raw_path": asked.path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), text.encode()) for name, text in headers.items()],
        "client": ("203.0.113.7", 40_000),
        "server": ("192.0.2.1", 3000),
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": asked.body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            told.status = message["status"]
            told.headers = {name.decode(): text.decode() for name, text in message["headers"]}
        else:
            told.body += message.get("body", b"")

    await app(scope, receive, send)
    return told
