"""Scratch folders: what a killed process left is removed, and nothing that is in use."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from storage.artifacts.scratch import Scratch

KILLED = """
import os, signal, sys
from pathlib import Path
from storage.artifacts.scratch import Scratch
scratch = Scratch("rows-", Path(sys.argv[1]))
(scratch.path / "file").write_bytes(b"x")
os.kill(os.getpid(), signal.SIGKILL)
"""


def leave(parent: Path) -> Path:
    """Let a process be killed that has a scratch folder, and return the folder."""
    subprocess.run([sys.executable, "-c", KILLED, str(parent)], check=False)
    (folder,) = parent.iterdir()
    return folder


def age(folder: Path) -> None:
    old = time.time() - 3600
    os.utime(folder, (old, old))


def test_the_folder_is_removed_at_the_end(tmp_path: Path) -> None:
    scratch = Scratch("rows-", tmp_path)
    (scratch.path / "file").write_bytes(b"x")
    scratch.close()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_killed_process_is_removed_by_the_next(tmp_path: Path) -> None:
    left = leave(tmp_path)
    age(left)
    scratch = Scratch("rows-", tmp_path)
    assert list(tmp_path.iterdir()) == [scratch.path]


def test_a_folder_in_use_stays_however_old(tmp_path: Path) -> None:
    first = Scratch("rows-", tmp_path)
    age(first.path)
    Scratch("rows-", tmp_path)
    assert first.path.is_dir()


@pytest.mark.parametrize("kind", ["new", "of another purpose", "a link"])
def test_a_folder_that_may_be_in_use_stays(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / ("other-1" if kind == "of another purpose" else "rows-1")
    if kind == "a link":
        (tmp_path / "target").mkdir()
        folder.symlink_to(tmp_path / "target")
        age(tmp_path / "target")
    else:
        folder.mkdir()
    if kind == "of another purpose":
        age(folder)
    Scratch("rows-", tmp_path).close()
    assert folder.is_dir()
