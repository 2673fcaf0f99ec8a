"""A registry on each kind of database."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from models.bundle import Bundle
from tests.support.clock import Clock
from tests.support.registry import World


@pytest.fixture
def world(tmp_path: Path, bundle: Bundle, engine: Engine) -> World:
    clock = Clock(datetime(2026, 3, 1, 12, tzinfo=UTC))
    return World(tmp_path / "artifacts", bundle, engine, clock)
