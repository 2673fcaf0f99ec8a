"""Environments of the peers: installed once, anew for another lock, and failures as errors."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from config.paths import ROOT
from load import peer_environments
from load.peer_environments import LOCKS, NotInstalledError, install, version_in
from load.rival_servers import PEERS


def wheel(folder: Path, number: str) -> Path:
    """Write a wheel of a package without any module."""
    path = folder / f"tiny-{number}-py3-none-any.whl"
    info = f"tiny-{number}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {number}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {
        name: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        for name, text in files.items()
    }
    lines = [f"{name},sha256={digest},{len(files[name])}" for name, digest in digests.items()]
    with zipfile.ZipFile(path, "w") as written:
        for name, text in files.items():
            written.writestr(name, text)
        written.writestr(f"{info}/RECORD", "\n".join([*lines, f"{info}/RECORD,,", ""]))
    return path


def write_lock(lock: Path, wheel: Path) -> None:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock.write_text(f"tiny @ {wheel.as_uri()} --hash=sha256:{digest}\n", encoding="utf-8")


@pytest.mark.slow
def test_an_environment_is_installed_once_and_anew_for_another_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, environment = tmp_path / "tiny.txt", tmp_path / "environment"
    write_lock(lock, wheel(tmp_path, "1.0"))
    python = install(lock, environment)
    assert python.exists()
    assert version_in(environment, "tiny") == "1.0"

    with monkeypatch.context() as patch:
        patch.setattr(peer_environments, "_INSTALL", tmp_path / "missing.py")
        assert install(lock, environment) == python

    write_lock(lock, wheel(tmp_path, "2.0"))
    install(lock, environment)
    assert version_in(environment, "tiny") == "2.0"


@pytest.mark.slow
def test_an_environment_that_cannot_be_installed_is_an_error_each_time(tmp_path: Path) -> None:
    lock = tmp_path / "tiny.txt"
    write_lock(lock, wheel(tmp_path, "1.0"))
    lock.write_text(lock.read_text().replace("sha256:", "sha256:0"), encoding="utf-8")
    for _ in range(2):
        with pytest.raises(NotInstalledError, match=r"tiny\.txt could not be installed"):
            install(lock, tmp_path / "environment")


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_runs_the_version_of_onnxruntime_that_serves(name: str) -> None:
    """Otherwise the comparison would be one of two versions of it."""
    lock = (LOCKS / f"{name}.txt").read_text(encoding="utf-8")
    assert f"\nonnxruntime=={version('onnxruntime')} " in lock
    assert f"\n{PEERS[name].package}" in lock


def test_every_lock_is_that_of_a_peer() -> None:
    assert {lock.stem for lock in LOCKS.glob("*.txt")} == set(PEERS)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "requirements/peers/" in makefile
