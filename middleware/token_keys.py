"""The keys that tokens of the single sign-on are verified with.

The algorithm belongs to the key, by configuration. What a token says of its algorithm is never
followed (RFC 8725 section 3.1): a public key would else serve as the secret of a forged token.
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
"""Characters of a shared secret; RFC 7518 section 3.2 wants as many bytes as the hash has."""
MIN_BITS = 2048
CHECK_SECONDS = 30.0

_log = structlog.get_logger(__name__)


class TokenKeys(Protocol):
    """Keys of one algorithm."""

    @property
    def algorithm(self) -> str: ...

    @property
    def generation(self) -> int:
        """Changes when the keys do: what was verified with those before is to be forgotten."""
        ...

    def find(self, kid: str | None) -> str | RSAPublicKey | None:
        """The key for a token that names `kid`; None where there is none."""
        ...


class SharedSecret:
    """A secret that the single sign-on signs with too (HS256)."""

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

    The file is looked at once in `CHECK_SECONDS` and read again when it was changed. A file that
    cannot be read then is reported, and the keys before it stay.

    Args:
        clock: seconds, monotonic.
    """

    algorithm = "RS256"

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._checked_at = clock()
        self._mark = self._mark_now()
        self._keys = _read(path)
        self._generation = 0

    @property
    def generation(self) -> int:
        self._refresh()
        return self._generation

    def find(self, kid: str | None) -> RSAPublicKey | None:
        """The key that a token names, or the only one there is."""
        self._refresh()
        if None in self._keys:  # PEM: the key has no name
            return self._keys[None]
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    def _refresh(self) -> None:
        if self._clock() - self._checked_at < CHECK_SECONDS:
            return
        self._checked_at = self._clock()
        mark = self._mark_now()
        if mark in (None, self._mark):
            return
        try:
            self._keys = _read(self._path)
        except InputError as error:
            _log.error("token_keys_not_read", reason=str(error))
            return
        self._mark = mark
        self._generation += 1
        _log.info("token_keys_read", keys=len(self._keys))

    def _mark_now(self) -> tuple[int, int, int] | None:
        """What changes when the file does; None where it is not there."""
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _read(path: Path) -> dict[str | None, RSAPublicKey]:
    """The keys of a file by their names.

    Raises:
        InputError: it cannot be read, or holds no key that can be used.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({type(error).__name__}).") from error
    try:
        keys = _of_set(content) if content.lstrip().startswith(b"{") else _of_pem(content)
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


def _of_pem(content: bytes) -> dict[str | None, RSAPublicKey]:
    key = load_pem_public_key(content)
    return {None: key} if isinstance(key, RSAPublicKey) else {}


def _of_set(content: bytes) -> dict[str | None, RSAPublicKey]:
    """The keys of a set that are public, RSA, named, and meant for signatures of RS256."""
    found: dict[str | None, RSAPublicKey] = {}
    for entry in json.loads(content)["keys"]:
        meant = entry.get("use", "sig") == "sig" and entry.get("alg", "RS256") == "RS256"
        if entry.get("kty") == "RSA" and meant and "d" not in entry:
            key = jwt.PyJWK(entry, algorithm="RS256").key
            found[entry.get("kid", "")] = key
    return found
