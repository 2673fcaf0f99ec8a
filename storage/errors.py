"""Errors of storage: the database fails, or a key is not in the state that an act requires."""

from __future__ import annotations

from collections.abc import Iterable

from errors import InputError


class StorageError(Exception):
    """The database cannot be used. The message names no password, and says what to do."""


class StorageFullError(StorageError):
    """The database cannot be written, because its disk is full; it can still be read."""


class UnknownKeyError(InputError):
    """There is no key of this id.

    Attributes:
        public_id: of the missing key.
    """

    def __init__(self, public_id: str) -> None:
        super().__init__(f"there is no key {public_id!r}")
        self.public_id = public_id


class IdempotencyKeyReusedError(InputError):
    """An Idempotency-Key was used before for a different request."""

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key was used for another request: choose a new one")


class InactiveKeyError(InputError):
    """The key is revoked or expired, and cannot be rotated.

    Attributes:
        public_id: of the key.
    """

    def __init__(self, public_id: str) -> None:
        super().__init__(f"key {public_id} is revoked or expired: create a new one in its place")
        self.public_id = public_id


class TooManyKeysError(InputError):
    """The client has the maximum of active keys.

    Attributes:
        client: whose keys they are.
        public_ids: of the active keys, oldest first.
    """

    def __init__(self, client: str, public_ids: Iterable[str]) -> None:
        self.client = client
        self.public_ids = tuple(public_ids)
        super().__init__(
            f"client {client} has the active keys {' and '.join(self.public_ids)}: "
            "revoke one of them first, or wait until it expires"
        )


class UnknownOverrideError(InputError):
    """There is no override of this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"there is no override {number}")


class StalePlanError(InputError):
    """Another override was made or withdrawn since the plan was read."""

    def __init__(self) -> None:
        super().__init__("the overrides have changed meanwhile: read them again")


class UnknownOutlierError(InputError):
    """There is no outlier of this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"there is no outlier {number}")


class UnknownLetterError(InputError):
    """There is no dead letter of this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"there is no dead letter {number}")


class AbsentTargetError(InputError):
    """No server sends to the target of an event at present."""

    def __init__(self, target: str) -> None:
        super().__init__(
            f"no server sends to {target} at present: set it up on a server that runs, then resend"
        )
