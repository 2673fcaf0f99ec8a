"""Small examples that tests read."""

from __future__ import annotations

from functools import cache

import pytest

from examples.writer import write_example
from features.data.tables import CheckedTables, read_tables
from tests.support.examples import SCALE, Read


@pytest.fixture(scope="session")
def read_example(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Read the tables of an example by its name; each is written once."""

    @cache
    def read(name: str) -> CheckedTables:
        folder = tmp_path_factory.mktemp("examples") / name
        write_example(name, folder, scale=SCALE)
        return read_tables(folder)

    return read
