"""The run of migration steps by Alembic, which `storage.migrations` imports when one is missing."""

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


def run_steps(engine: Engine) -> None:
    """Run the steps that a database lacks (see `storage.migrations.upgrade`)."""
    config = alembic_config()
    with _ALEMBIC, writing(engine) as connection:
        advisory_lock(connection, "migrations")
        _refuse_newer(connection, config)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def alembic_config() -> Config:
    """Return the configuration of Alembic for the steps."""
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
