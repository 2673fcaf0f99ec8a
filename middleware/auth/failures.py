"""Failures of authentication: the problem for the caller, and the reason for the audit log.

The two differ: the log distinguishes an unknown key from a wrong secret, while the caller gets
the same response for both, so that valid public ids cannot be enumerated. The headers are those
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
        reason: for the audit log, from a small set, such as `wrong_secret`.
        problem: for the caller.
        subject: the presented public id, if one could be read; never a secret.
    """

    def __init__(self, reason: str, problem: Problem, subject: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.problem = problem
        self.subject = subject

    @property
    def has_credential(self) -> bool:
        """True if a credential was presented and refused; False if there was none."""
        return self.problem.code is not Code.AUTH_REQUIRED


def _challenge_header(error: str = "", **parameters: str) -> dict[str, str]:
    values = {"realm": REALM, **({"error": error} if error else {}), **parameters}
    pairs = (f'{name}="{value}"' for name, value in values.items())
    return {"WWW-Authenticate": f"Bearer {', '.join(pairs)}"}


def missing(detail: str = f"This call needs a key or token. {HOW}") -> AuthenticationFailed:
    """Return the failure of a request without credential; by RFC 6750 without an error code."""
    return AuthenticationFailed(
        "missing", Problem(Code.AUTH_REQUIRED, detail, headers=_challenge_header())
    )


def invalid(reason: str, detail: str, subject: str = "") -> AuthenticationFailed:
    """Return the failure of a key or token that is not valid."""
    problem = Problem(Code.AUTH_INVALID, detail, headers=_challenge_header("invalid_token"))
    return AuthenticationFailed(reason, problem, subject)


def wrong_scheme(detail: str) -> AuthenticationFailed:
    """Return the failure of another authentication scheme; by RFC 6750 without an error code."""
    return AuthenticationFailed(
        "wrong_scheme", Problem(Code.AUTH_INVALID, detail, headers=_challenge_header())
    )


def ambiguous(detail: str) -> AuthenticationFailed:
    """Return the failure of a request with more than one key or token."""
    headers = _challenge_header("invalid_request")
    return AuthenticationFailed("ambiguous", Problem(Code.INVALID_REQUEST, detail, headers=headers))


def in_query(parameter: str) -> AuthenticationFailed:
    """Return the failure of a key in the query, where it leaks into histories and logs.

    It is refused whether it is valid or not.
    """
    detail = (
        f"The query parameter {parameter} looks like a key. Addresses are kept in histories and "
        f"logs: treat a key that was sent so as known to others, and have it revoked. {HOW}"
    )
    return AuthenticationFailed("key_in_query", Problem(Code.KEY_IN_QUERY, detail))


def unavailable(subject: str) -> AuthenticationFailed:
    """Return the failure of a key that cannot be looked up, and may be valid."""
    problem = Problem(
        Code.KEYS_UNAVAILABLE,
        "The database of keys does not answer, and this key was not in use shortly before; "
        "try again later.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )
    return AuthenticationFailed("unavailable", problem, subject)


def not_looked_up(subject: str) -> AuthenticationFailed:
    """Return the failure of a key from an address that has sent too many unknown keys."""
    problem = Problem(
        Code.RATE_LIMITED,
        "Too many keys that are not known came from this address, so this one was not looked up. "
        f"Try again in {RETRY_SECONDS} seconds.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )
    return AuthenticationFailed("not_looked_up", problem, subject)


def forbidden(required_scope: str) -> Problem:
    """Return the problem of an authenticated caller who lacks a scope."""
    return Problem(
        Code.FORBIDDEN,
        f"This call needs the scope {required_scope}, which the key or token does not have.",
        headers=_challenge_header("insufficient_scope", scope=required_scope),
    )
