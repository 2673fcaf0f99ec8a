"""Why a caller is refused: what they are told, and what the audit log is told.

The two differ: the log says that a key is not known or that its secret is wrong, the caller is
told one and the same in both cases, so that keys cannot be searched for. The headers are those
of RFC 6750 section 3.
"""

from __future__ import annotations

from errors import Code, Problem

REALM = "mlrf"
RETRY_SECONDS = 5
HOW = "Send a key as X-API-Key, or a key or token as Authorization: Bearer."


class AuthenticationFailed(Exception):
    """Authentication failed.

    Attributes:
        reason: for the audit log, such as `wrong_secret`; one of few.
        problem: for the caller.
        subject: the public id that was given, where one could be read; never a secret.
    """

    def __init__(self, reason: str, problem: Problem, subject: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.problem = problem
        self.subject = subject

    @property
    def given(self) -> bool:
        """Whether there was something to refuse; an open call does without."""
        return self.problem.code is not Code.AUTH_REQUIRED


def _challenge(error: str = "", **parameters: str) -> dict[str, str]:
    given = {"realm": REALM, **({"error": error} if error else {}), **parameters}
    pairs = (f'{name}="{value}"' for name, value in given.items())
    return {"WWW-Authenticate": f"Bearer {', '.join(pairs)}"}


def missing(detail: str = f"This call needs a key or token. {HOW}") -> AuthenticationFailed:
    """Nothing was given; RFC 6750 wants no error code then."""
    return AuthenticationFailed(
        "missing", Problem(Code.AUTH_REQUIRED, detail, headers=_challenge())
    )


def invalid(reason: str, detail: str, subject: str = "") -> AuthenticationFailed:
    """What was given is not a valid key or token."""
    problem = Problem(Code.AUTH_INVALID, detail, headers=_challenge("invalid_token"))
    return AuthenticationFailed(reason, problem, subject)


def wrong_scheme(detail: str) -> AuthenticationFailed:
    """Another way to authenticate was tried; RFC 6750 wants no error code then."""
    return AuthenticationFailed(
        "wrong_scheme", Problem(Code.AUTH_INVALID, detail, headers=_challenge())
    )


def ambiguous(detail: str) -> AuthenticationFailed:
    """More was given than one key or token."""
    headers = _challenge("invalid_request")
    return AuthenticationFailed("ambiguous", Problem(Code.INVALID_REQUEST, detail, headers=headers))


def in_query(parameter: str) -> AuthenticationFailed:
    """A key is in the address, and with it in histories and logs, whether it is valid or not."""
    detail = (
        f"The query parameter {parameter} looks like a key. Addresses are kept in histories and "
        f"logs: treat a key that was sent so as known to others, and have it revoked. {HOW}"
    )
    return AuthenticationFailed("key_in_query", Problem(Code.KEY_IN_QUERY, detail))


def unavailable(subject: str) -> AuthenticationFailed:
    """The key may be valid, and cannot be looked up."""
    problem = Problem(
        Code.KEYS_UNAVAILABLE,
        "The database of keys does not answer, and this key was not in use shortly before; "
        "try again later.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )
    return AuthenticationFailed("unavailable", problem, subject)


def not_looked_up(subject: str) -> AuthenticationFailed:
    """The address has sent too many unknown keys for this one to be looked up now."""
    problem = Problem(
        Code.RATE_LIMITED,
        "Too many keys that are not known came from this address, so this one was not looked up. "
        f"Try again in {RETRY_SECONDS} seconds.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )
    return AuthenticationFailed("not_looked_up", problem, subject)


def forbidden(needed: str) -> Problem:
    """The caller is known, and lacks a scope."""
    return Problem(
        Code.FORBIDDEN,
        f"This call needs the scope {needed}, which the key or token does not have.",
        headers=_challenge("insufficient_scope", scope=needed),
    )
