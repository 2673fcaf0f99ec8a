"""A full disk: keys can be revoked, and other failures are reported."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from storage import reserve
from storage.audit import Actor, AuditLog
from storage.database import is_full, open_database
from storage.errors import StorageFullError
from storage.key_store import KeyStore
from storage.keys import Scope
from storage.migrations import upgrade

ANN = Actor("ann")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def engine(disk: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{disk}/keys.db")
    upgrade(engine)
    yield engine
    engine.dispose()


def create_keys(keys: KeyStore, count: int) -> list[str]:
    return [
        keys.create(f"c{number}", {Scope.FORECAST}, "standard", by=ANN).record.id
        for number in range(count)
    ]


def fill(disk: Path) -> Path:
    """Use up the free space of the disk, and return the file that does."""
    file = disk / "others"
    with file.open("wb", buffering=0) as out:
        try:
            while True:
                out.write(os.urandom(4096))
        except OSError:
            return file


def test_keys_are_revoked_and_logged_on_a_full_disk(disk: Path, engine: Engine) -> None:
    keys = KeyStore(engine)
    ids = create_keys(keys, 5)
    fill(disk)
    for public_id in ids:
        assert keys.revoke(public_id, by=ANN).revoked_at is not None
    records = [keys.find(public_id) for public_id in ids]
    assert all(key is not None and key.revoked_at is not None for key in records)
    logged = [entry.event.subject for entry in AuditLog(engine).latest(5)]
    assert sorted(logged) == sorted(ids)


def test_a_full_disk_is_reported_until_there_is_space(disk: Path, engine: Engine) -> None:
    keys = KeyStore(engine)
    others = fill(disk)
    with pytest.raises(StorageFullError, match="its disk is full; free space there"):
        create_keys(keys, 20)
    assert is_full(engine)
    others.unlink()
    assert not is_full(engine)
    create_keys(keys, 1)


def test_without_a_reserve_the_audit_entry_is_given_up_first(
    disk: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = KeyStore(engine)
    (public_id,) = create_keys(keys, 1)
    tries: list[bool] = []
    revoke = keys._revoke_key

    def without_space(public_id: str, by: Actor, *, audited: bool = True) -> object:
        tries.append(audited)
        if audited:
            raise StorageFullError("full")
        return revoke(public_id, by, audited=False)

    monkeypatch.setattr(keys, "_revoke_key", without_space)
    with capture_logs() as lines:
        assert keys.revoke(public_id, by=ANN).revoked_at is not None
    assert tries == [True, True, False]
    assert [(line["event"], line["key"]) for line in lines] == [("audit_not_written", public_id)]


def test_the_reserve_occupies_space_and_is_private_to_the_owner(disk: Path, engine: Engine) -> None:
    status = (disk / "keys.db.reserve").stat()
    assert (status.st_size, status.st_mode & 0o777) == (reserve.SIZE, 0o600)
    assert status.st_blocks * 512 >= reserve.SIZE
