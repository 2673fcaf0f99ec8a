"""Brings a database up to date, by the steps in `versions`.

A step is a file there with `revision`, `down_revision` (the step before) and `upgrade()`. It
describes its tables in its own words, not in those of `storage.tables`, which will have moved on
when it runs. Steps are not altered once they are released, and there is no way back: restore a
backup.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from storage.database import advisory_lock, writing
from storage.errors import StorageError

_ALEMBIC = Lock()  # what its env.py speaks to is one for the whole process


def upgrade(engine: Engine) -> None:
    """Bring a database up to date; of processes that start together one does, the others wait.

    All steps are one transaction, in SQLite too: a failure leaves the database as it was.

    Raises:
        StorageError: the database cannot be used, or a newer release has been at work in it.
    """
    config = _config()
    with _ALEMBIC, writing(engine) as connection:
        advisory_lock(connection, "migrations")
        _refuse_newer(connection, config)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    folder = str(Path(__file__).parent)
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config


def _refuse_newer(connection: Connection, config: Config) -> None:
    steps = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    for found in MigrationContext.configure(connection).get_current_heads():
        if found not in steps:
            raise StorageError(
                f"the database is at step {found!r}, which this release does not know: "
                "a newer release has been at work in it; use that one, or restore a backup"
            )
