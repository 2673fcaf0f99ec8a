"""Schema migrations: the steps in `versions`.

A step is a module there with `revision`, `down_revision` (the step before) and `upgrade()`. It
defines its tables itself instead of importing `storage.tables`, which describes the newest
schema. A released step is never changed, and there is no downgrade: restore a backup.
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

_ALEMBIC = Lock()  # Alembic's context for env.py is global to the process


def upgrade(engine: Engine) -> None:
    """Migrate a database to the newest step; concurrent processes wait for one another.

    All steps are one transaction, in SQLite too: a failure leaves the database unchanged.

    Raises:
        StorageError: the database cannot be used, or a newer software version has migrated it.
    """
    config = _alembic_config()
    with _ALEMBIC, writing(engine) as connection:
        advisory_lock(connection, "migrations")
        _refuse_newer(connection, config)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _alembic_config() -> Config:
    config = Config()
    folder = str(Path(__file__).parent)
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config


def _refuse_newer(connection: Connection, config: Config) -> None:
    steps = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    for revision in MigrationContext.configure(connection).get_current_heads():
        if revision not in steps:
            raise StorageError(
                f"the database is at step {revision!r}, which this release does not know: "
                "a newer release has been at work in it; use that one, or restore a backup"
            )
