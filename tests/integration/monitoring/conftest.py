"""A store in which newer tables have come day by day, and what was forecast before each."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lifecycle.refresh import refresh
from storage.artifacts import Release, Store
from tests.conftest import copy_store
from tests.support.tables import add_days

NEWER_DAYS = 8


@pytest.fixture(scope="module")
def served(
    trained: Store, demo_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Store, list[Release]]:
    """The store, and its releases in the order in which they were served."""
    folder = tmp_path_factory.mktemp("newer")
    store = copy_store(trained, folder)
    tables = Path(shutil.copytree(demo_folder, folder / "tables"))
    releases = [store.current()]
    for _ in range(NEWER_DAYS):
        add_days(tables)
        releases.append(refresh(store, tables)[1])
    return store, releases


@pytest.fixture
def store(served: tuple[Store, list[Release]], tmp_path: Path) -> Store:
    """A copy of the store."""
    return copy_store(served[0], tmp_path)
