"""Authentication: the caller of a request, and every invalid credential."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from errors import InputError
from middleware.auth.authentication import AuthenticationMiddleware, Identity
from middleware.auth.authorization import AuthorizationMiddleware
from middleware.auth.cached_key_store import KeysUnavailableError
from middleware.auth.caller import Caller
from middleware.auth.credentials import MAX_LENGTH
from middleware.auth.failures import AuthenticationFailed
from middleware.auth.identity import CredentialIdentity, EnvironmentKey
from middleware.auth.local import LocalIdentity
from middleware.auth.token_keys import SharedSecret
from middleware.auth.tokens import TokenVerifier
from middleware.context import caller_of, context_of
from middleware.policy import ANY
from middleware.problems import ProblemMiddleware
from middleware.request_id import RequestIdMiddleware
from storage import keys as key_module
from storage.audit import AuditEvent
from storage.keys import ApiKey, digest_of, mint_key
from storage.keys import Scope as Permission
from tests.support.routing import with_policy

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ADDRESS = "203.0.113.7"
ALL = frozenset(str(name) for name in Permission)
ENVIRONMENT = "an-environment-key-of-35-characters"
TOKEN_SECRET = "a shared secret of the sign-on, 40 chars"

KEY, EXPIRED, REVOKED, GONE, STRANGER = (mint_key() for _ in range(5))
"""A valid key, an expired one, a revoked one, one whose row cannot be read, and one that was
never issued."""

Pairs = Sequence[tuple[str, bytes | str]]


def record(minted: key_module.MintedKey, **changes: Any) -> ApiKey:
    key = ApiKey(
        id=minted.public_id,
        client="a shop",
        scopes=frozenset({Permission.FORECAST}),
        tier="standard",
        created_at=NOW - timedelta(days=9),
        expires_at=None,
        revoked_at=None,
        last_used_at=None,
        digest=digest_of(minted.secret),
    )
    return replace(key, **changes)


class Keys:
    """A key store in memory."""

    def __init__(self) -> None:
        self.unavailable = False
        self.lookups: list[str] = []
        self.were_used: list[str] = []
        self._keys = {
            KEY.public_id: record(KEY),
            EXPIRED.public_id: record(EXPIRED, expires_at=NOW),
            REVOKED.public_id: record(REVOKED, revoked_at=NOW - timedelta(days=1)),
        }

    def knows(self, public_id: str) -> bool:
        return public_id in self._keys

    async def find(self, public_id: str, address: str) -> ApiKey | None:
        self.lookups.append(public_id)
        if public_id == GONE.public_id:
            raise KeysUnavailableError
        return self._keys.get(public_id)

    def is_current(self, key: ApiKey) -> bool:
        return self._keys.get(key.id) is key

    def replace(self, minted: key_module.MintedKey, **changes: Any) -> None:
        """Let the next lookups find a changed key, or none."""
        self._keys[minted.public_id] = record(minted, **changes)

    def record_use(self, public_id: str) -> None:
        self.were_used.append(public_id)


class InnerApp:
    """The inner application, which records its callers."""

    def __init__(self) -> None:
        self.callers: list[Caller] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.callers.append(caller_of(scope))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def inner_app() -> InnerApp:
    return InnerApp()


@pytest.fixture
def events() -> list[AuditEvent]:
    return []


@pytest.fixture
def identity(keys: Keys) -> CredentialIdentity:
    tokens = TokenVerifier(
        SharedSecret(TOKEN_SECRET),
        audience="mlrf",
        scopes=ALL,
        tiers={"standard", "partner"},
        default_tier="standard",
    )
    environment = EnvironmentKey(ENVIRONMENT, tier="unlimited", scopes=ALL)
    return CredentialIdentity(keys, environment=environment, tokens=tokens, now=lambda: NOW)


def compose(
    app: ASGIApp,
    identity: Identity,
    events: list[AuditEvent],
    required: str | None = ANY,
) -> ASGIApp:
    """Compose authentication and authorization as the server does."""
    inner = AuthorizationMiddleware(app, record=events.append)
    outer = AuthenticationMiddleware(
        inner, identity, address_of=lambda scope: ADDRESS, record=events.append, now=lambda: NOW
    )
    return with_policy(RequestIdMiddleware(ProblemMiddleware(outer)), scope=required)


def with_headers(app: ASGIApp, headers: Pairs = (), query: bytes = b"", **changes: Any) -> ASGIApp:
    """Wrap an application so that requests carry raw headers and a query."""

    async def send_with_headers(scope: Scope, receive: Receive, send: Send) -> None:
        raw = [
            (name.lower().encode(), value if isinstance(value, bytes) else value.encode())
            for name, value in headers
        ]
        scope.update(query_string=query, headers=[*scope["headers"], *raw], **changes)
        await app(scope, receive, send)

    return send_with_headers


@pytest.fixture
def ask(
    call: Callable, inner_app: InnerApp, identity: CredentialIdentity, events: list[AuditEvent]
) -> Callable:
    def ask(*headers: tuple[str, bytes | str], query: bytes = b"", required: Any = ANY) -> Any:
        return call(with_headers(compose(inner_app, identity, events, required), headers, query))

    return ask


def token(**changes: Any) -> str:
    claims = {
        "sub": "planner@example.org",
        "aud": "mlrf",
        "exp": int(time.time()) + 86_400,
        "scope": "forecast whatif",
        **changes,
    }
    return jwt.encode(claims, TOKEN_SECRET, algorithm="HS256")


def corrupt_checksum(text: str) -> str:
    """Change the last letter of a key, so that its checksum is wrong."""
    return text[:-1] + ("A" if text[-1] != "A" else "B")


def with_secret_of(minted: key_module.MintedKey, other: key_module.MintedKey) -> str:
    """Return a well-formed key with one key's id and another's secret."""
    body = f"{key_module.PREFIX}_{minted.public_id}_{other.secret}"
    return f"{body}_{key_module._checksum_of(body)}"


# --- valid credentials ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([("X-API-Key", KEY.text)], id="X-API-Key"),
        pytest.param([("Authorization", f"Bearer {KEY.text}")], id="bearer"),
        pytest.param([("Authorization", f"bEaReR  {KEY.text} ")], id="scheme in any case"),
        pytest.param([("X-API-Key", f" {KEY.text}\t")], id="blanks around"),
        pytest.param(
            [("X-API-Key", KEY.text), ("Authorization", f"Bearer {KEY.text}")], id="both, the same"
        ),
    ],
)
def test_a_key_identifies_its_client(
    ask: Callable, inner_app: InnerApp, keys: Keys, events: list[AuditEvent], headers: Pairs
) -> None:
    assert ask(*headers).status == 200
    subject = f"key:{KEY.public_id}"
    assert inner_app.callers == [
        Caller(subject, "a shop", "standard", frozenset({"forecast"}), True, ADDRESS)
    ]
    assert keys.were_used == [KEY.public_id]
    assert events == []


@pytest.mark.parametrize(
    "header", [("X-API-Key", ENVIRONMENT), ("Authorization", f"Bearer {ENVIRONMENT}")]
)
def test_the_environment_key_has_every_scope(
    ask: Callable, inner_app: InnerApp, keys: Keys, header: tuple[str, str]
) -> None:
    assert ask(header).status == 200
    assert inner_app.callers == [Caller("env", "API_KEY", "unlimited", ALL, True, ADDRESS)]
    assert keys.lookups == []


def test_a_token_identifies_its_subject(ask: Callable, inner_app: InnerApp) -> None:
    assert ask(("Authorization", f"Bearer {token(tier='partner')}")).status == 200
    subject = "planner@example.org"
    scopes = frozenset({"forecast", "whatif"})
    assert inner_app.callers == [
        Caller(f"jwt:{subject}", subject, "partner", scopes, True, ADDRESS)
    ]


def test_query_parameters_that_are_no_keys_pass(ask: Callable) -> None:
    query = b"keys=1&node=store:1&tokens=&apikeyname=x&=token&a=token"
    assert ask(("X-API-Key", KEY.text), query=query).status == 200


# --- invalid credentials ----------------------------------------------------------------------

CHALLENGE = 'Bearer realm="mlrf"'
INVALID = f'{CHALLENGE}, error="invalid_token"'
AMBIGUOUS = f'{CHALLENGE}, error="invalid_request"'


def wrong(
    headers: Pairs,
    status: int,
    code: str,
    detail: str,
    reason: str,
    challenge: str | None,
    *,
    id: str,  # noqa: A002 - as pytest calls it
    query: bytes = b"",
) -> Any:
    return pytest.param(headers, query, status, code, detail, reason, challenge, id=id)


def bad_key(headers: Pairs, detail: str, reason: str, id: str) -> Any:  # noqa: A002
    return wrong(headers, 401, "AUTH_INVALID", detail, reason, INVALID, id=id)


def bad_query(query: bytes, id: str) -> Any:  # noqa: A002
    """Return a case with a key in the query beside a valid one in the header."""
    headers = [("X-API-Key", KEY.text)]
    detail = "have it revoked"
    return wrong(headers, 400, "KEY_IN_QUERY", detail, "key_in_query", None, id=id, query=query)


def bearer(text: str) -> Pairs:
    return [("Authorization", f"Bearer {text}")]


TWICE = ("X-API-Key", KEY.text)
FORGED = jwt.encode({"sub": "x", "aud": "mlrf", "exp": 2**33}, "another" * 9, algorithm="HS256")
UNSIGNED = jwt.encode({"sub": "x", "aud": "mlrf", "exp": 2**33}, None, algorithm="none")

WRONG_WAYS = [
    wrong([], 401, "AUTH_REQUIRED", "needs a key or token", "missing", CHALLENGE, id="nothing"),
    # keys in the query
    bad_query(f"api_key={KEY.text}".encode(), "key in the query"),
    bad_query(b"horizon=15&API-Key=", "empty key in the query"),
    bad_query(b"%61pi%5Fkey=x", "escaped name in the query"),
    bad_query(b"access_token=x", "access token in the query"),
    bad_query(b"apikey", "name alone in the query"),
    bad_query(b"X-Api-Key=x", "header's name in the query"),
    bad_query(b"key=x", "key"),
    bad_query(b"a=1&+token=x", "token after a blank"),
    # headers
    wrong(
        [TWICE, TWICE], 400, "INVALID_REQUEST", "is there 2 times", "ambiguous", AMBIGUOUS,
        id="X-API-Key twice",
    ),
    wrong(
        [*bearer(KEY.text), *bearer(STRANGER.text)], 400, "INVALID_REQUEST", "is there 2 times",
        "ambiguous", AMBIGUOUS, id="Authorization twice",
    ),
    wrong(
        [TWICE, *bearer(STRANGER.text)], 400, "INVALID_REQUEST", "two different", "ambiguous",
        AMBIGUOUS, id="two headers, two keys",
    ),
    wrong(
        [("Authorization", "Basic dXNlcjpwYXNzd29yZA==")], 401, "AUTH_INVALID", "the word Bearer",
        "wrong_scheme", CHALLENGE, id="basic",
    ),
    wrong(
        [("Authorization", KEY.text)], 401, "AUTH_INVALID", "the word Bearer", "wrong_scheme",
        CHALLENGE, id="key without a scheme",
    ),
    wrong(
        [TWICE, ("Authorization", "Basic dXNlcjpw")], 401, "AUTH_INVALID", "the word Bearer",
        "wrong_scheme", CHALLENGE, id="basic beside a key",
    ),
    # header values
    bad_key([("X-API-Key", "")], "X-API-Key is there and holds no key", "malformed", "empty"),
    bad_key([("X-API-Key", " \t ")], "holds no key", "malformed", "blank"),
    bad_key([("Authorization", "")], "holds no key", "malformed", "empty authorization"),
    bad_key([("Authorization", "Bearer")], "holds no key", "malformed", "scheme alone"),
    bad_key([("X-API-Key", f"{KEY.text} x")], "holds a space", "malformed", "two words"),
    bad_key([("X-API-Key", f"{KEY.text}, {KEY.text}")], "holds a space", "malformed", "joined"),
    bad_key(bearer(f"{KEY.text}\x00"), "a control character", "malformed", "control character"),
    bad_key([("X-API-Key", b"mlrf_\xff\xfe")], "not ASCII", "malformed", "no ASCII"),
    bad_key(
        [("X-API-Key", KEY.text + "x" * MAX_LENGTH)], "is longer than", "malformed", "long"
    ),
    # keys
    bad_key([("X-API-Key", "hunter2hunter2hunter2")], "neither a key", "no_key", "not a key"),
    bad_key([("X-API-Key", ENVIRONMENT[:-1])], "neither a key", "no_key", "API_KEY, cut"),
    bad_key([("X-API-Key", ENVIRONMENT + "x")], "neither a key", "no_key", "API_KEY and more"),
    bad_key([("X-API-Key", corrupt_checksum(KEY.text))], "not whole", "no_key", "checksum"),
    bad_key([("X-API-Key", KEY.text[:-9])], "not whole", "no_key", "cut"),
    bad_key([("X-API-Key", KEY.text.upper())], "neither a key", "no_key", "capitals"),
    bad_key([("X-API-Key", KEY.public_id)], "neither a key", "no_key", "public id alone"),
    bad_key([("X-API-Key", STRANGER.text)], "not valid here", "unknown_key", "unknown id"),
    bad_key(
        [("X-API-Key", with_secret_of(KEY, STRANGER))], "not valid here", "wrong_secret",
        "wrong secret",
    ),
    bad_key([("X-API-Key", EXPIRED.text)], "has expired", "expired", "expired"),
    bad_key(
        [("X-API-Key", with_secret_of(EXPIRED, KEY))], "not valid here", "wrong_secret",
        "expired, wrong secret",
    ),
    bad_key([("X-API-Key", REVOKED.text)], "was revoked", "revoked", "revoked"),
    bad_key(
        [("X-API-Key", with_secret_of(REVOKED, KEY))], "not valid here", "wrong_secret",
        "revoked, wrong secret",
    ),
    wrong(
        [("X-API-Key", GONE.text)], 503, "KEYS_UNAVAILABLE", "does not answer", "unavailable",
        None, id="database unavailable",
    ),
    # tokens
    bad_key([("X-API-Key", token())], "X-API-Key takes a key", "misplaced_token", "token as key"),
    bad_key(bearer(FORGED), "signature", "token_signature", "forged token"),
    bad_key(bearer(UNSIGNED), "another algorithm than HS256", "token_algorithm", "unsigned token"),
    bad_key(bearer(token(exp=1)), "has expired", "token_expired", "expired token"),
    bad_key(bearer(token(aud="other")), "another service", "token_audience", "another's token"),
    bad_key(bearer("a.b.c"), "cannot be read", "token_malformed", "no token"),
]  # fmt: skip

SECRETS = [
    *(minted.secret for minted in (KEY, EXPIRED, REVOKED, GONE, STRANGER)),
    *(ENVIRONMENT[:-1], TOKEN_SECRET, "hunter2", "dXNlcjpw", FORGED, UNSIGNED),
]


@pytest.mark.parametrize(
    ("headers", "query", "status", "code", "detail", "reason", "challenge"), WRONG_WAYS
)
def test_an_invalid_credential_gets_its_problem(
    ask: Callable,
    inner_app: InnerApp,
    keys: Keys,
    events: list[AuditEvent],
    log_lines: Callable,
    headers: Pairs,
    query: bytes,
    status: int,
    code: str,
    detail: str,
    reason: str,
    challenge: str | None,
) -> None:
    """The inner application is not called, the event is recorded, no secret leaks."""
    sent = ask(*headers, query=query)
    assert (sent.status, sent.problem["code"]) == (status, code)
    assert detail in sent.problem["detail"]
    assert sent.headers.get("www-authenticate") == challenge
    assert ("retry-after" in sent.headers) == (status == 503)
    assert inner_app.callers == []
    assert keys.were_used == []
    (event,) = events
    assert (event.action, event.actor) == (f"refused.{reason}", f"ip:{ADDRESS}")
    output = json.dumps([sent.problem, sent.headers, log_lines()]) + repr(event)
    assert [secret for secret in SECRETS if secret in output] == []


def test_twenty_invalid_credentials_are_tested() -> None:
    assert len({way.id for way in WRONG_WAYS}) == len(WRONG_WAYS) >= 20


@pytest.mark.parametrize(
    "text",
    [with_secret_of(KEY, STRANGER), with_secret_of(EXPIRED, KEY), with_secret_of(REVOKED, KEY)],
    ids=["valid", "expired", "revoked"],
)
def test_a_response_does_not_reveal_whether_an_id_exists(ask: Callable, text: str) -> None:
    known, unknown = (ask(("X-API-Key", key)) for key in (text, STRANGER.text))
    assert {**known.problem, "request_id": ""} == {**unknown.problem, "request_id": ""}
    assert {**known.headers, "x-request-id": ""} == {**unknown.headers, "x-request-id": ""}


def test_in_an_outage_a_wrong_secret_is_like_an_unknown_id(ask: Callable, keys: Keys) -> None:
    """Otherwise a 401 would reveal the cached ids."""
    keys.unavailable = True
    assert ask(("X-API-Key", with_secret_of(KEY, STRANGER))).status == 503
    assert ask(("X-API-Key", KEY.text)).status == 200


@pytest.mark.parametrize("text", [KEY.text, STRANGER.text], ids=["known", "unknown"])
def test_secrets_are_compared_in_constant_time(
    ask: Callable, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """API_KEY and key are compared at equal lengths, also where no key exists."""
    compared: list[tuple[int, int]] = []
    real = hmac.compare_digest

    def record_lengths(first: Any, second: Any) -> bool:
        compared.append((len(first), len(second)))
        return real(first, second)

    monkeypatch.setattr(hmac, "compare_digest", record_lengths)
    ask(("X-API-Key", text))
    assert compared == [(32, 32), (64, 64)]


def test_a_key_in_the_query_is_refused_before_any_lookup(ask: Callable, keys: Keys) -> None:
    ask(("X-API-Key", STRANGER.text), query=b"key=x")
    assert keys.lookups == []


def test_an_open_call_ignores_a_key_that_is_not_valid_and_records_it(
    ask: Callable, inner_app: InnerApp, events: list[AuditEvent]
) -> None:
    sent = ask(("X-API-Key", with_secret_of(KEY, STRANGER)), required=None)
    assert sent.status == 200
    (caller,) = inner_app.callers
    assert caller == Caller(f"ip:{ADDRESS}", ADDRESS, "anonymous", frozenset(), False, ADDRESS)
    (event,) = events
    assert (event.action, event.subject) == ("refused.wrong_secret", KEY.public_id)


def test_an_exhausted_address_is_refused_before_the_database_is_queried(
    call: Callable, keys: Keys, inner_app: InnerApp, events: list[AuditEvent]
) -> None:
    """A cached key still passes: others at its address must not lock it out."""
    identity = CredentialIdentity(keys, is_exhausted=lambda address: address == ADDRESS)
    app = compose(inner_app, identity, events)
    refused = call(with_headers(app, [("X-API-Key", STRANGER.text)]))
    assert (refused.status, refused.problem["code"]) == (429, "RATE_LIMITED")
    assert int(refused.headers["retry-after"]) >= 1
    assert keys.lookups == []
    assert [event.action for event in events] == ["refused.not_looked_up"]
    assert call(with_headers(app, [("X-API-Key", KEY.text)])).status == 200


def test_an_open_call_looks_no_key_up(
    call: Callable, keys: Keys, inner_app: InnerApp, identity: CredentialIdentity
) -> None:
    """Otherwise invented keys on a free open call would load the database."""
    app = AuthenticationMiddleware(
        inner_app,
        identity,
        address_of=lambda scope: ADDRESS,
        record=lambda event: None,
    )
    open_call = with_policy(RequestIdMiddleware(app), scope=None, cost=0)
    assert call(with_headers(open_call, [("X-API-Key", STRANGER.text)])).status == 200
    assert keys.lookups == []
    assert [caller.authenticated for caller in inner_app.callers] == [False]


def test_an_open_call_without_a_key_is_not_recorded(
    ask: Callable, events: list[AuditEvent]
) -> None:
    assert ask(required=None).status == 200
    assert events == []


def test_an_open_call_with_a_key_in_its_address_is_refused(ask: Callable) -> None:
    sent = ask(query=b"token=x", required=None)
    assert (sent.status, sent.problem["code"]) == (400, "KEY_IN_QUERY")


def test_a_refusal_is_recorded_with_actor_action_time_and_address(
    call: Callable, inner_app: InnerApp, identity: CredentialIdentity, events: list[AuditEvent]
) -> None:
    app = with_headers(
        compose(inner_app, identity, events), [("X-API-Key", REVOKED.text)], b"node=secret"
    )
    call(app, method="POST", path="/predict", X_Request_ID="a")
    assert events == [
        AuditEvent(
            at=NOW,
            actor=f"ip:{ADDRESS}",
            action="refused.revoked",
            subject=REVOKED.public_id,
            address=ADDRESS,
            request_id="a",
            detail="POST /predict",
        )
    ]


def test_a_middleware_in_between_sees_the_caller(
    call: Callable, identity: CredentialIdentity, events: list[AuditEvent]
) -> None:
    """The rate limit runs after authentication and before authorization."""
    seen: list[tuple[str, str | None]] = []

    async def limit(scope: Scope, receive: Receive, send: Send) -> None:
        refusal = context_of(scope).authentication_failure
        seen.append((caller_of(scope).subject, refusal.code.name if refusal else None))

    app = RequestIdMiddleware(
        AuthenticationMiddleware(
            limit, identity, address_of=lambda scope: ADDRESS, record=events.append
        )
    )
    for text in (KEY.text, STRANGER.text):
        call(app, X_API_Key=text)
    assert seen == [(f"key:{KEY.public_id}", None), (f"ip:{ADDRESS}", "AUTH_INVALID")]


def test_a_repeated_key_is_verified_once_and_its_use_is_recorded_each_time(
    ask: Callable, keys: Keys, inner_app: InnerApp
) -> None:
    for _ in range(3):
        assert ask(("X-API-Key", KEY.text)).status == 200
    assert keys.lookups == [KEY.public_id]
    assert keys.were_used == 3 * [KEY.public_id]
    assert len({*inner_app.callers}) == 1


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({"revoked_at": NOW}, 401, id="revoked"),
        pytest.param({"expires_at": NOW}, 401, id="expired"),
        pytest.param({"digest": digest_of(STRANGER.secret)}, 401, id="another secret"),
        pytest.param({"scopes": frozenset()}, 200, id="other scopes"),
    ],
)
def test_a_change_of_a_verified_key_is_noticed_as_soon_as_the_store_has_it(
    ask: Callable, keys: Keys, inner_app: InnerApp, changes: dict[str, Any], status: int
) -> None:
    assert ask(("X-API-Key", KEY.text)).status == 200
    keys.replace(KEY, **changes)
    assert ask(("X-API-Key", KEY.text)).status == status
    assert len(keys.lookups) == 2
    if status == 200:
        assert inner_app.callers[-1].scopes == frozenset()


def test_a_verified_key_expires_while_the_store_still_has_it(
    call: Callable, keys: Keys, inner_app: InnerApp, events: list[AuditEvent]
) -> None:
    times = iter((NOW - timedelta(seconds=1), NOW))
    keys.replace(KEY, expires_at=NOW)
    identity = CredentialIdentity(keys, now=lambda: next(times, NOW))
    app = with_headers(compose(inner_app, identity, events), [("X-API-Key", KEY.text)])
    assert [call(app).status for _ in range(2)] == [200, 401]


def test_a_verified_key_is_not_the_key_of_another_secret(ask: Callable, keys: Keys) -> None:
    assert ask(("X-API-Key", KEY.text)).status == 200
    assert ask(("X-API-Key", with_secret_of(KEY, STRANGER))).status == 401
    assert ask(("X-API-Key", KEY.text), ("Authorization", f"Bearer {STRANGER.text}")).status == 400


def test_the_caller_has_the_address_of_each_request(
    call: Callable, keys: Keys, inner_app: InnerApp
) -> None:
    identity = CredentialIdentity(keys, now=lambda: NOW)
    addresses = ["203.0.113.7", "203.0.113.8"]
    for address in addresses:
        app = AuthenticationMiddleware(
            inner_app,
            identity,
            address_of=lambda scope, address=address: address,  # type: ignore[misc]
            record=lambda event: None,
        )
        call(with_headers(RequestIdMiddleware(app), [("X-API-Key", KEY.text)]))
    assert [caller.address for caller in inner_app.callers] == addresses


def test_without_configured_tokens_tokens_are_refused(
    call: Callable, inner_app: InnerApp, keys: Keys, events: list[AuditEvent]
) -> None:
    app = compose(inner_app, CredentialIdentity(keys), events)
    sent = call(app, Authorization=f"Bearer {token()}")
    assert (sent.status, sent.problem["code"]) == (401, "AUTH_INVALID")
    assert "Tokens are not accepted here" in sent.problem["detail"]


def test_without_api_key_no_key_matches(
    call: Callable, inner_app: InnerApp, keys: Keys, events: list[AuditEvent]
) -> None:
    app = compose(inner_app, CredentialIdentity(keys), events)
    assert call(app, X_API_Key=ENVIRONMENT).status == 401


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fifteen-letters",
        "a passphrase of several words",
        "schlüssel-schlüssel",
        "x" * 16 + "\n",
    ],
    ids=["empty", "short", "spaces", "not ASCII", "line end"],
)
def test_an_environment_key_that_is_weak_or_cannot_be_sent_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="API_KEY must be 16") as raised:
        EnvironmentKey(text, tier="unlimited", scopes=ALL)
    assert not text or text not in str(raised.value)


def test_a_programming_error_is_no_refusal(
    call: Callable, inner_app: InnerApp, events: list[AuditEvent], log_lines: Callable
) -> None:
    class BrokenIdentity:
        async def identify(self, scope: Scope, address: str) -> Caller:
            raise ZeroDivisionError

    assert call(compose(inner_app, BrokenIdentity(), events)).status == 500
    assert inner_app.callers == []


# --- without authentication -------------------------------------------------------------------

LOCAL: dict[str, Any] = {"client": ("127.0.0.1", 5), "server": ("127.0.0.1", 3000)}


@pytest.fixture
def ask_local(call: Callable, inner_app: InnerApp, events: list[AuditEvent]) -> Callable:
    def ask_local(headers: Pairs = (), query: bytes = b"", **changes: Any) -> Any:
        app = compose(inner_app, LocalIdentity(ALL), events, "admin")
        return call(with_headers(app, headers, query, **{**LOCAL, **changes}))

    return ask_local


@pytest.mark.parametrize(
    ("headers", "changes"),
    [
        pytest.param([], {}, id="IPv4"),
        pytest.param([], {"client": ("127.8.0.1", 5)}, id="another of 127/8"),
        pytest.param([], {"client": ("::1", 5), "server": ("::1", 3000)}, id="IPv6"),
        pytest.param([], {"client": ("::ffff:127.0.0.1", 5)}, id="IPv4 in IPv6"),
        pytest.param([("Host", "localhost:3000")], {}, id="localhost"),
        pytest.param([("Host", "LOCALHOST")], {}, id="LOCALHOST"),
        pytest.param([("Host", "127.0.0.1:3000")], {}, id="address and port"),
        pytest.param([("Host", "[::1]:3000")], {}, id="IPv6 and port"),
        pytest.param([("X-API-Key", "anything")], {}, id="a key that is not required"),
        pytest.param([("Origin", "http://localhost:5173")], {}, id="page of this machine"),
        pytest.param([("Origin", "http://[::1]:5173")], {}, id="page of this machine, IPv6"),
    ],
)
def test_without_authentication_loopback_has_every_scope(
    ask_local: Callable, inner_app: InnerApp, headers: Pairs, changes: dict[str, Any]
) -> None:
    assert ask_local(headers, **changes).status == 200
    assert inner_app.callers == [Caller("local", "local", "unlimited", ALL, True, ADDRESS)]


@pytest.mark.parametrize(
    ("headers", "changes"),
    [
        pytest.param([], {"client": ("192.0.2.1", 5)}, id="peer elsewhere"),
        pytest.param([], {"server": ("192.0.2.2", 3000)}, id="connected to another address"),
        pytest.param([], {"client": ("::ffff:192.0.2.1", 5)}, id="elsewhere in IPv6"),
        pytest.param([], {"client": None}, id="no peer"),
        pytest.param([], {"server": ("/run/mlrf.sock", None)}, id="Unix socket"),
        pytest.param([], {"server": None}, id="no address"),
        pytest.param([("X-Forwarded-For", "127.0.0.1")], {}, id="X-Forwarded-For"),
        pytest.param([("X-Forwarded-Proto", "https")], {}, id="X-Forwarded-Proto"),
        pytest.param([("Forwarded", "for=127.0.0.1")], {}, id="Forwarded"),
        pytest.param([("X-Real-IP", "127.0.0.1")], {}, id="X-Real-IP"),
        pytest.param([("Via", "1.1 proxy")], {}, id="Via"),
        pytest.param([("Host", "evil.example:3000")], {}, id="name that was rebound"),
        pytest.param([("Host", "127.0.0.1.evil.example")], {}, id="name like an address"),
        pytest.param([("Host", "localhost"), ("Host", "evil.example")], {}, id="two names"),
        # a body without a Content-Type needs no preflight, and is read as JSON
        pytest.param([("Origin", "https://evil.example")], {}, id="page from elsewhere"),
        pytest.param([("Origin", "null")], {}, id="page without an origin"),
        pytest.param([("Origin", "https://localhost.evil.example")], {}, id="origin like ours"),
    ],
)
def test_without_authentication_other_addresses_are_refused(
    ask_local: Callable, inner_app: InnerApp, headers: Pairs, changes: dict[str, Any]
) -> None:
    sent = ask_local(headers, **changes)
    assert (sent.status, sent.problem["code"]) == (401, "AUTH_REQUIRED")
    assert "answers its own machine alone" in sent.problem["detail"]
    assert inner_app.callers == []


def test_without_authentication_a_key_in_the_query_is_refused_too(ask_local: Callable) -> None:
    assert ask_local(query=b"api_key=x").problem["code"] == "KEY_IN_QUERY"


def test_objects_with_secrets_do_not_show_them(identity: CredentialIdentity) -> None:
    environment = EnvironmentKey(ENVIRONMENT, tier="unlimited", scopes=ALL)
    presented = key_module.parse_key(KEY.text)
    output = "".join(map(repr, (environment, vars(environment), identity, presented, record(KEY))))
    assert ENVIRONMENT not in output
    assert KEY.secret not in output
    assert str(AuthenticationFailed("a_reason", None)) == "a_reason"  # type: ignore[arg-type]
