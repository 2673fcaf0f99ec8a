"""A schedule in its own environment, over small shops, with the real `mlrf` of this checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.dagster.tests.support import Schedule, add_day
from tests.support.postgresql import running_postgresql
from tests.support.shops import write_shops


@pytest.fixture(scope="session")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shops(tmp_path_factory.mktemp("shops") / "tables")


@pytest.fixture(scope="session")
def trained(shops: Path, tmp_path_factory: pytest.TempPathFactory) -> Schedule:
    """A schedule whose first training has run; a test that changes it takes `schedule`."""
    schedule = Schedule(tmp_path_factory.mktemp("trained"), shops)
    done = schedule.execute("retrain")
    assert done.returncode == 0, done.stderr
    return schedule


@pytest.fixture(scope="session")
def compared(trained: Schedule, tmp_path_factory: pytest.TempPathFactory) -> Schedule:
    """The same after a second training, with a day more."""
    folder = tmp_path_factory.mktemp("compared")
    schedule = trained.copy(folder)
    schedule.tables = add_day(trained.tables, folder / "tables")
    done = schedule.execute("retrain")
    assert done.returncode == 0, done.stderr
    return schedule


@pytest.fixture
def schedule(trained: Schedule, tmp_path: Path) -> Schedule:
    return trained.copy(tmp_path / "schedule")


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    with running_postgresql() as server:
        yield server.get_uri()
