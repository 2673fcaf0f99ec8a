"""Checks of `mlrf serve` before it trains a model or starts the server.

Each fault is one line that names the variable to change. Without these checks the supervisor
would end in a traceback, or restart its workers again and again. An unreachable PostgreSQL or
Redis is only a warning: the server starts without it, and uses it when it recovers.
"""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from config.settings import Settings, Shell
from errors import InputError

_CONNECT_SECONDS = 2.0


class PreflightError(InputError):
    """The server cannot start.

    Attributes:
        faults: one line each, starting with the variable to change.
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def preflight(settings: Settings) -> list[str]:
    """Check what the server needs from its machine; return warnings, one line each.

    Raises:
        PreflightError: the server could not start, or its workers would crash.
    """
    faults = [
        *_address_faults(settings),
        *_folder_faults(settings),
        *_database_faults(settings),
        *_token_faults(settings),
        *_redis_faults(settings),
        *([settings.missing_extra] if settings.missing_extra else []),
    ]
    if faults:
        raise PreflightError(faults)
    return [*_database_warnings(settings), *_redis_warnings(settings), *_data_warnings(settings)]


def resolve(host: str, port: int) -> tuple[socket.AddressFamily, str]:
    """Return the family and the numeric address of a host to listen on.

    Raises:
        OSError: the name cannot be resolved.
    """
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return family, str(address[0])


def _address_faults(settings: Settings) -> Iterator[str]:
    host, port = settings.host, settings.port
    try:
        family, address = resolve(host, port)
    except (OSError, UnicodeError):
        yield (
            f"HOST: this machine knows no host {host!r}; set HOST=127.0.0.1 to answer this machine "
            "alone, or HOST=0.0.0.0 for all (conda's compilers export a HOST of their own)"
        )
        return
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            yield _bind_fault(error, host, port)


def _bind_fault(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"PORT: {port} at {host} is in use by another process; choose another, or end that"
    if error.errno == errno.EACCES:
        return f"PORT: {port} needs rights that this user does not have; choose one above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HOST: {host} is not an address of this machine; 0.0.0.0 stands for all that are"
    return f"HOST: nothing can listen at {host}, port {port}: {error.strerror}"


def _folder_faults(settings: Settings) -> Iterator[str]:
    artifacts = settings.store
    brings_release = settings.artifacts_url or find_spec("training")
    if artifacts.pointer.exists():
        if not os.access(artifacts.root, os.R_OK | os.X_OK):
            yield f"ARTIFACTS_DIR: {artifacts.root} cannot be read by this user"
    elif brings_release and (reason := unwritable(artifacts.root)):
        yield f"ARTIFACTS_DIR: {artifacts.root} cannot be written: {reason}"
    for variable, folder in (
        ("BENTOML_HOME", Shell().bentoml_home.expanduser()),
        ("TMPDIR", _temporary_folder()),
    ):
        if folder is None:
            yield f"{variable}: no folder for temporary files can be written"
        elif reason := unwritable(folder):
            yield f"{variable}: {folder} cannot be written: {reason}"


def _temporary_folder() -> Path | None:
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        return None


def unwritable(folder: Path) -> str | None:
    """Create a folder; return the reason if no file can be created in it, else None."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or type(error).__name__


def _database_faults(settings: Settings) -> Iterator[str]:
    """Yield faults of the URL, and of an SQLite file, which no other process would repair."""
    from storage.database import open_database
    from storage.errors import StorageError
    from storage.migrations import upgrade

    try:
        engine = open_database(settings.database_url.get_secret_value())
        try:
            if engine.dialect.name == "sqlite":
                upgrade(engine)
        finally:
            engine.dispose()
    except StorageError as error:
        yield f"DATABASE_URL: {error}"


def _database_warnings(settings: Settings) -> Iterator[str]:
    from storage.database import open_database, reading
    from storage.errors import StorageError

    engine = open_database(settings.database_url.get_secret_value())
    try:
        if engine.dialect.name != "sqlite":  # `_database_faults` has opened the file already
            with reading(engine):
                pass
    except StorageError as error:
        yield f"DATABASE_URL: {error}; keys in it are refused until it answers"
    finally:
        engine.dispose()


def _token_faults(settings: Settings) -> Iterator[str]:
    from middleware.auth.token_keys import PublicKeys

    if settings.jwt_keys_file is None:
        return
    try:
        PublicKeys(settings.jwt_keys_file)
    except InputError as error:
        yield f"JWT_KEYS_FILE: {error}"


def _redis_faults(settings: Settings) -> Iterator[str]:
    """Yield faults of the URL's options, without redis-py's message, which may quote a password."""
    from redis import ConnectionPool

    if settings.redis_url is None:
        return
    try:
        ConnectionPool.from_url(settings.redis_url.get_secret_value())
    except ValueError:
        yield "REDIS_URL: has an option after the ? whose value is not of its kind"


def _redis_warnings(settings: Settings) -> Iterator[str]:
    if settings.redis_url is None:
        return
    from redis import Redis, RedisError

    client = Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=_CONNECT_SECONDS,
    )
    try:
        with client:
            client.ping()
    except (RedisError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        yield (
            f"REDIS_URL: Redis does not answer ({reason}); until it does, limits are each worker's "
            "share and workers share no answers"
        )


def _data_warnings(settings: Settings) -> Iterator[str]:
    if settings.data_dir is not None and not settings.data_dir.is_dir():
        yield f"DATA_DIR: {settings.data_dir} is not a folder; reloads are refused until it is one"
