"""The whole application as a worker composes it, in this process and over a real release.

A stub stands in for BentoML and answers every path: a call that reaches it without a key is a
route that was left open.
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
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send

from api.contract import Serving
from app.application import Application
from config.settings import Settings
from models.serving.release import LoadedRelease
from models.serving.watcher import ReleaseWatcher
from storage.artifacts import Store
from storage.database import open_database
from storage.keys import Scope as KeyScope
from storage.migrations import upgrade
from tests.contract.conftest import Client
from tests.support.asgi import SentMessages, body_messages, exchange, http_scope

KEY = "a-key-of-the-environment"
SECRET = "a-secret-that-signs-tokens-of-32-characters"
AUDIENCE = "mlrf-tests"
BEHIND = b"the framework behind"
EVERY_SCOPE = frozenset(map(str, KeyScope))


def token(scopes: Collection[str], *, tier: str = "unlimited", subject: str = "anna") -> str:
    """Return a bearer token with scopes."""
    now = int(time.time())
    claims = {"sub": subject, "aud": AUDIENCE, "exp": now + 600, "scope": " ".join(scopes)}
    return jwt.encode({**claims, "tier": tier}, SECRET, algorithm="HS256")


def bearer(scopes: Collection[str], **claims: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(scopes, **claims)}"}


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BEHIND})


def compose_application(
    folder: Path,
    store: Store,
    release: LoadedRelease,
    serving: Serving,
    *,
    dashboard: Path | None = None,
    **settings: Any,
) -> Application:
    """Return a worker with its database in `folder`, without limits unless `settings` has them.

    It has no dashboard, whether the checkout has a build or not, unless one is passed.
    """
    url = f"sqlite:///{folder}/mlrf.db"
    values: dict[str, Any] = {
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
    build = dashboard or folder / "not-built"
    return Application(Settings(**values), watcher, lambda: serving, behind, build)


class KeyClient(Client):
    """A client that adds a key to every request that has no credentials."""

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        headers = {"X-API-Key": KEY, **options.pop("headers", {})}
        if "Authorization" in headers:
            del headers["X-API-Key"]
        return super().request(method, url, headers=headers, **options)


@dataclass(frozen=True)
class RawRequest:
    """A request as a server hands it over, with a path that no client library has normalised.

    Attributes:
        path: percent-decoded, as in the ASGI scope.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"


def send_requests(app: Application, *requests: RawRequest) -> list[SentMessages]:
    """Send requests one after the other, and return their responses."""

    async def send_all() -> list[SentMessages]:
        return [await _send_request(app, request) for request in requests]

    return anyio.run(send_all)


async def _send_request(app: Application, request: RawRequest) -> SentMessages:
    scope = http_scope(
        request.method,
        request.path,
        {"content-type": "application/json", **request.headers},
        raw_path=request.path.encode(),
        root_path="",
        query_string=b"",
        client=("203.0.113.7", 40_000),
        server=("192.0.2.1", 3000),
    )
    return await exchange(app, scope, *body_messages(request.body))
