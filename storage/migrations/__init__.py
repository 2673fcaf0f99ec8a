"""Schema migrations: the steps in `versions`.

A step is a module there with `revision`, `down_revision` (the step before) and `upgrade()`; its
file is named after its revision, and revisions ascend. It defines its tables itself instead of
importing `storage.tables`, which describes the newest schema. A released step is never changed, and
there is no downgrade: restore a backup.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, column, inspect, select, table

from storage.database import reading

_VERSIONS = table("alembic_version", column("version_num"))  # Alembic's own


def upgrade(engine: Engine) -> None:
    """Migrate a database to the newest step; concurrent processes wait for one another.

    All steps are one transaction, in SQLite too: a failure leaves the database unchanged.

    Raises:
        StorageError: the database cannot be used, or a newer software version has migrated it.
    """
    if not _is_newest(engine):
        from storage.migrations.steps import run_steps  # Alembic: every start would load it

        run_steps(engine)


def newest_step() -> str:
    """Return the revision of the newest step, from the names of their files."""
    return max(path.name[1:5] for path in Path(__file__).with_name("versions").glob("v*.py"))


def _is_newest(engine: Engine) -> bool:
    with reading(engine) as connection:
        if not inspect(connection).has_table(_VERSIONS.name):
            return False
        revisions = connection.scalars(select(_VERSIONS.c.version_num))
        return revisions.all() == [newest_step()]
