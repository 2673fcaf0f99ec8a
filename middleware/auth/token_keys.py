"""Keys that verify the tokens of the single sign-on.

The algorithm is fixed by the configured key. A token's own `alg` is never followed (RFC 8725
section 3.1): otherwise the public key could be used as the HMAC secret of a forged token.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from errors import InputError

MIN_SECRET = 32
"""Minimum characters of a shared secret: RFC 7518 section 3.2 requires the size of the hash."""
MIN_BITS = 2048
CHECK_SECONDS = 30.0

_log = structlog.get_logger(__name__)


class TokenKeys(Protocol):
    """Protocol of a set of keys of one algorithm."""

    @property
    def algorithm(self) -> str: ...

    @property
    def generation(self) -> int:
        """Number that changes with the keys; tokens verified before a change are invalid."""
        ...

    def find(self, kid: str | None) -> str | RSAPublicKey | None:
        """Return the key for a token with this `kid`, or None."""
        ...


class SharedSecret:
    """A secret shared with the single sign-on (HS256)."""

    algorithm = "HS256"
    generation = 0

    def __init__(self, secret: str) -> None:
        if len(secret) < MIN_SECRET:
            raise InputError(
                f"The secret of tokens has {len(secret)} characters; it must have {MIN_SECRET} "
                "or more, made at random."
            )
        self._secret = secret

    def find(self, kid: str | None) -> str:
        return self._secret


class PublicKeys:
    """The public keys of a file (RS256): a JWK set (RFC 7517), or one key as PEM.

    The file is checked every `CHECK_SECONDS` and read again after a change. If that fails, the
    error is logged and the previous keys stay in use.

    Args:
        clock: seconds, monotonic.
    """

    algorithm = "RS256"

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._checked_at = clock()
        self._file_version = self._stat_version()
        self._keys = _read_keys(path)
        self._generation = 0

    @property
    def generation(self) -> int:
        self._refresh_keys()
        return self._generation

    def find(self, kid: str | None) -> RSAPublicKey | None:
        """Return the key with this `kid`, or the only key; None if there is none."""
        self._refresh_keys()
        if None in self._keys:  # PEM: the key has no name
            return self._keys[None]
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    def _refresh_keys(self) -> None:
        if self._clock() - self._checked_at < CHECK_SECONDS:
            return
        self._checked_at = self._clock()
        version = self._stat_version()
        if version in (None, self._file_version):
            return
        try:
            self._keys = _read_keys(self._path)
        except InputError as error:
            _log.error("token_keys_not_read", reason=str(error))
            return
        self._file_version = version
        self._generation += 1
        _log.info("token_keys_read", keys=len(self._keys))

    def _stat_version(self) -> tuple[int, int, int] | None:
        """Return values that change with the file; None if it does not exist."""
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _read_keys(path: Path) -> dict[str | None, RSAPublicKey]:
    """Return the keys of a file by `kid`.

    Raises:
        InputError: it cannot be read, or holds no usable key.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({type(error).__name__}).") from error
    try:
        keys = _keys_of_set(content) if content.lstrip().startswith(b"{") else _keys_of_pem(content)
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
        jwt.PyJWTError,
    ) as error:
        raise InputError(
            f"{path.name}: holds neither a JWK set nor a public key as PEM."
        ) from error
    usable = {name: key for name, key in keys.items() if key.key_size >= MIN_BITS}
    if not usable:
        raise InputError(f"{path.name}: holds no public RSA key of {MIN_BITS} bits or more.")
    return usable


def _keys_of_pem(content: bytes) -> dict[str | None, RSAPublicKey]:
    key = load_pem_public_key(content)
    return {None: key} if isinstance(key, RSAPublicKey) else {}


def _keys_of_set(content: bytes) -> dict[str | None, RSAPublicKey]:
    """Return the public RSA keys of a JWK set that are meant for RS256 signatures, by `kid`."""
    keys: dict[str | None, RSAPublicKey] = {}
    for entry in json.loads(content)["keys"]:
        meant = entry.get("use", "sig") == "sig" and entry.get("alg", "RS256") == "RS256"
        if entry.get("kty") == "RSA" and meant and "d" not in entry:
            key = jwt.PyJWK(entry, algorithm="RS256").key
            keys[entry.get("kid", "")] = key
    return keys
