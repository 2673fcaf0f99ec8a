"""Migrations create the tables of the code, once, under concurrent starts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from subprocess import PIPE
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from config.paths import ROOT
from storage.audit import Actor
from storage.database import reading, writing
from storage.errors import StorageError
from storage.key_store import KeyStore
from storage.keys import Scope
from storage.migrations import newest_step, upgrade
from storage.migrations.steps import alembic_config
from storage.tables import METADATA


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def test_the_migrations_create_exactly_the_tables_of_the_code(engine: Engine) -> None:
    with reading(engine) as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, METADATA) == []
    assert tables(engine) == {*METADATA.tables, "alembic_version"}


def test_a_second_run_changes_nothing(engine: Engine, keys: KeyStore) -> None:
    key = keys.create("shop", [Scope.FORECAST], "standard", by=Actor("ann")).record
    before = tables(engine)
    upgrade(engine)
    assert tables(engine) == before
    assert keys.list() == (key,)


def test_the_newest_step_is_found_without_the_library_of_migrations() -> None:
    assert newest_step() == ScriptDirectory.from_config(alembic_config()).get_current_head()


def test_a_database_at_the_newest_step_does_not_load_the_library(
    engine: Engine, open_engine: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loading it would take a tenth of the start of a worker."""
    monkeypatch.setitem(sys.modules, "storage.migrations.steps", None)
    upgrade(engine)
    with writing(engine) as connection:
        connection.execute(text("update alembic_version set version_num = '0001'"))
    with pytest.raises(ImportError):
        upgrade(engine)


def test_processes_that_start_together_do_not_clash(
    url: str, open_engine: Callable[[], Engine]
) -> None:
    script = """
import sys
from storage.database import open_database
from storage.migrations import upgrade
engine = open_database(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
upgrade(engine)
"""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, url],
            cwd=ROOT,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate(timeout=30)[1] for process in started] == [""] * 3
    assert [process.returncode for process in started] == [0] * 3
    assert tables(open_engine()) == {*METADATA.tables, "alembic_version"}


def test_threads_that_start_together_do_not_clash(open_engine: Callable[[], Engine]) -> None:
    engines = [open_engine() for _ in range(4)]
    start = Barrier(len(engines))

    def thread(engine: Engine) -> None:
        start.wait(10)
        upgrade(engine)

    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(thread, engines))
    assert tables(engines[0]) == {*METADATA.tables, "alembic_version"}


def test_a_database_of_a_newer_release_is_refused(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("update alembic_version set version_num = 'of tomorrow'"))
    with pytest.raises(StorageError, match=r"'of tomorrow'.*a newer release"):
        upgrade(engine)


def test_a_failed_migration_is_rolled_back(open_engine: Callable[[], Engine]) -> None:
    """The second table exists already; the first one must not remain."""
    engine = open_engine()
    with writing(engine) as connection:
        connection.execute(text("create table audit_log (x integer)"))
    with pytest.raises(StorageError, match="already exists"):
        upgrade(engine)
    assert tables(engine) == {"audit_log"}
