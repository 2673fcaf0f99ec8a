"""The database that the settings name, and the command that brings it up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.progress import err
from config.settings import get_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine


@contextmanager
def database() -> Iterator[Engine]:
    """Yield the database of the settings, migrated to the newest step."""
    from storage.database import open_database
    from storage.migrations import upgrade

    engine = open_database(get_settings().database_url.get_secret_value())
    try:
        upgrade(engine)
        yield engine
    finally:
        engine.dispose()


def migrate() -> None:
    """Bring the database of keys up to date; it is made where there is none."""
    with database():
        err.print("The database is up to date.")
