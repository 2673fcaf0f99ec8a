"""The keys in a database, and the time that they go by."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from storage.key_store import KeyStore
from tests.support.clock import Clock

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> Clock[datetime]:
    return Clock(START)


@pytest.fixture
def keys(engine: Engine, clock: Clock[datetime]) -> KeyStore:
    return KeyStore(engine, clock)
