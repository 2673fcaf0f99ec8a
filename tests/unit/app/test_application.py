"""The start of a worker: what is ready before its first request."""

from __future__ import annotations

import time
from pathlib import Path

import anyio
import pytest
from pydantic import SecretStr
from sqlalchemy import inspect
from starlette.types import Message, Receive, Scope, Send

from app import application
from app.application import Application
from config.settings import Settings
from models.serving.release import LoadedRelease
from models.serving.watcher import ReleaseWatcher
from storage.artifacts import Store
from storage.database import open_database


def start(folder: Path, url: str) -> list[str]:
    """Start and stop a worker; return the tables of the database in a folder at its start."""
    store = Store(folder)
    watcher: ReleaseWatcher[LoadedRelease] = ReleaseWatcher(store, lambda store, name: None)  # type: ignore[arg-type, return-value]
    tables: list[str] = []

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        database = open_database(f"sqlite:///{folder}/mlrf.db")
        tables.extend(inspect(database).get_table_names())
        database.dispose()
        await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})

    def serving() -> None:
        raise AssertionError("no request is sent")

    settings = Settings(artifacts_dir=folder, database_url=SecretStr(url))
    app = Application(settings, watcher, serving, behind, folder / "not-built")  # type: ignore[arg-type]

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None: ...

    anyio.run(app, {"type": "lifespan"}, receive, send)
    return tables


def test_the_database_is_migrated_before_the_first_request(tmp_path: Path) -> None:
    assert "api_keys" in start(tmp_path, f"sqlite:///{tmp_path}/mlrf.db")


def test_a_worker_starts_without_its_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "MIGRATION_SECONDS", 20.0)
    began = time.monotonic()
    assert start(tmp_path, "postgresql+psycopg://mlrf@127.0.0.1:1/mlrf") == []
    assert time.monotonic() - began < 20, "a refusal is not waited for"
