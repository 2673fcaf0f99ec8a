"""Checks of `mlrf serve` before it starts: one line for each fault, with its variable."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.preflight import PreflightError, preflight, resolve, unwritable
from config.settings import Settings
from load.server import free_port

PASSWORD = "pa-secret-55"  # pragma: allowlist secret


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "bentoml"))


def settings(tmp_path: Path, **values: Any) -> Settings:
    own = {
        "artifacts_dir": tmp_path / "artifacts",
        "database_url": f"sqlite:///{tmp_path}/keys.db",
        "port": free_port(),
    }
    return Settings(**{**own, **values})


def fault(tmp_path: Path, **values: Any) -> str:
    """Return the only fault of a server with such settings."""
    with pytest.raises(PreflightError) as refused:
        preflight(settings(tmp_path, **values))
    (line,) = refused.value.faults
    assert "\n" not in line
    assert PASSWORD not in line
    return line


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_complete_configuration_passes_without_a_warning(tmp_path: Path) -> None:
    assert preflight(settings(tmp_path)) == []


def test_a_port_in_use_is_reported(tmp_path: Path, taken: int) -> None:
    assert fault(tmp_path, port=taken).startswith(f"PORT: {taken} at 127.0.0.1 is in use")


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        pytest.param("x86_64-conda-linux-gnu", "knows no host", id="what conda exports"),
        pytest.param("256.1.1.1", "knows no host", id="no address"),
        pytest.param("a" * 300, "knows no host", id="no name"),
        pytest.param("192.0.2.1", "is not an address of this machine", id="another machine's"),
    ],
)
def test_a_host_that_cannot_be_bound_is_reported(tmp_path: Path, host: str, reason: str) -> None:
    line = fault(tmp_path, host=host)
    assert line.startswith("HOST: ")
    assert reason in line


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.2", "0.0.0.0"])
def test_a_host_name_of_this_machine_is_resolved_to_an_address(tmp_path: Path, host: str) -> None:
    assert preflight(settings(tmp_path, host=host)) == []
    assert resolve(host, 0)[1].count(".") == 3


@pytest.mark.parametrize(
    ("variable", "values"),
    [
        pytest.param("ARTIFACTS_DIR", {"artifacts_dir": "file/artifacts"}, id="artifacts"),
        pytest.param("DATABASE_URL", {"database_url": "sqlite:///{}/file/keys.db"}, id="sqlite"),
    ],
)
def test_an_unwritable_folder_is_reported(
    tmp_path: Path, variable: str, values: dict[str, str]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    filled = {
        name: text.format(tmp_path) if "{}" in text else tmp_path / text
        for name, text in values.items()
    }
    assert fault(tmp_path, **filled).startswith(f"{variable}: ")


def test_an_unwritable_folder_of_bentoml_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "file" / "home"))
    assert fault(tmp_path).startswith(f"BENTOML_HOME: {tmp_path}/file/home cannot be written: ")


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("sqlite:///relative.db", id="relative path"),
        pytest.param(f"postgres://u:{PASSWORD}@h@host/db", id="two @"),
        pytest.param(f"mysql://u:{PASSWORD}@host/db", id="another database"),
        pytest.param("nonsense", id="no url"),
    ],
)
def test_an_invalid_database_url_is_refused_without_its_password(tmp_path: Path, url: str) -> None:
    assert fault(tmp_path, database_url=url).startswith("DATABASE_URL: ")


def test_an_invalid_redis_option_is_refused_without_its_password(tmp_path: Path) -> None:
    url = f"redis://:{PASSWORD}@127.0.0.1:6379/0?socket_timeout={PASSWORD}"
    assert fault(tmp_path, redis_url=url).startswith("REDIS_URL: ")


def test_a_missing_file_of_token_keys_is_reported(tmp_path: Path) -> None:
    line = fault(tmp_path, jwt_keys_file=tmp_path / "keys.pem", jwt_audience="mlrf")
    assert line.startswith("JWT_KEYS_FILE: keys.pem: cannot be read")


def test_all_faults_are_reported_together(tmp_path: Path, taken: int) -> None:
    with pytest.raises(PreflightError) as refused:
        preflight(settings(tmp_path, port=taken, database_url="nonsense"))
    variables = [line.partition(":")[0] for line in refused.value.faults]
    assert variables == ["PORT", "DATABASE_URL"]


@pytest.mark.parametrize(
    ("variable", "values"),
    [
        pytest.param("REDIS_URL", {"redis_url": "redis://127.0.0.1:{port}/0"}, id="redis"),
        pytest.param(
            "DATABASE_URL", {"database_url": "postgresql://u@127.0.0.1:{port}/db"}, id="postgresql"
        ),
        pytest.param("DATA_DIR", {"data_dir": "/no/such/folder"}, id="tables"),
    ],
)
def test_a_service_that_may_recover_is_a_warning(
    tmp_path: Path, variable: str, values: dict[str, str]
) -> None:
    """A server must start while Redis or PostgreSQL is restarted."""
    port = free_port()
    filled = {name: text.format(port=port) for name, text in values.items()}
    (line,) = preflight(settings(tmp_path, **filled))
    assert line.startswith(f"{variable}: ")


def test_a_missing_folder_is_created(tmp_path: Path) -> None:
    assert unwritable(tmp_path / "new" / "folder") is None
    assert list((tmp_path / "new" / "folder").iterdir()) == []
