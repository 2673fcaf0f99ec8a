"""Bearer tokens: accepted and rejected tokens, and the claims used."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import RSAAlgorithm

from errors import InputError
from middleware.auth import tokens as module
from middleware.auth.token_keys import CHECK_SECONDS, PublicKeys, SharedSecret, TokenKeys
from middleware.auth.tokens import TokenVerifier
from middleware.auth.verified_token import TokenError, VerifiedToken, looks_like_token
from tests.support.clock import Clock

SECRET = "a shared secret of the sign-on, 40 chars"
SCOPES = {"forecast", "explain", "admin"}
TIERS = {"standard", "partner"}


def claims(**changes: Any) -> dict[str, Any]:
    """Return valid claims; a change to None removes a claim."""
    now = int(time.time())
    all_claims = {"sub": "planner", "aud": "mlrf", "iss": "sign-on", "exp": now + 3600, **changes}
    return {name: value for name, value in all_claims.items() if value is not None}


def sign_token(key: Any = SECRET, algorithm: str | None = "HS256", **changes: Any) -> str:
    headers = changes.pop("headers", None)
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers=headers)


def raw(header: bytes, payload: bytes, secret: str = SECRET) -> str:
    """Return a token of any content, signed with HMAC."""
    body = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, payload))
    digest = hmac.digest(secret.encode(), body, hashlib.sha256)
    return (body + b"." + base64.urlsafe_b64encode(digest).rstrip(b"=")).decode()


def verifier(keys: TokenKeys | None = None, **changes: Any) -> TokenVerifier:
    options = {
        "audience": "mlrf",
        "scopes": SCOPES,
        "tiers": TIERS,
        "default_tier": "standard",
        "issuer": "sign-on",
        **changes,
    }
    return TokenVerifier(keys or SharedSecret(SECRET), **options)


# --- accepted tokens --------------------------------------------------------------------------


def test_a_token_gives_its_subject() -> None:
    exp = int(time.time()) + 60
    token = sign_token(scope="forecast admin", tier="partner", exp=exp)
    assert verifier().verify(token) == VerifiedToken(
        "planner", frozenset({"forecast", "admin"}), "partner", float(exp)
    )


@pytest.mark.parametrize(
    ("changes", "scopes"),
    [
        pytest.param({}, set(), id="none"),
        pytest.param({"scope": "forecast  explain"}, {"forecast", "explain"}, id="text"),
        pytest.param({"scopes": ["forecast", "explain"]}, {"forecast", "explain"}, id="list"),
        pytest.param({"scp": ["admin"]}, {"admin"}, id="scp"),
        pytest.param({"scp": "admin"}, {"admin"}, id="scp as a text"),
        pytest.param({"scope": "openid forecast any"}, {"forecast"}, id="unknown ones"),
        pytest.param({"scope": "FORECAST"}, set(), id="capitals"),
        pytest.param({"scope": "forecast", "scp": ["admin"]}, {"forecast", "admin"}, id="both"),
        pytest.param({"scope": 7, "scopes": {"admin": 1}, "scp": [["admin"]]}, set(), id="others"),
    ],
)
def test_unknown_scopes_are_ignored(changes: dict[str, Any], scopes: set[str]) -> None:
    assert verifier().verify(sign_token(**changes)).scopes == scopes


@pytest.mark.parametrize(
    ("tier", "expected"),
    [
        ("partner", "partner"),
        (None, "standard"),
        ("unlimited", "standard"),
        (["partner"], "standard"),
    ],
)
def test_an_unknown_tier_is_the_default(tier: Any, expected: str) -> None:
    assert verifier().verify(sign_token(tier=tier)).tier == expected


@pytest.mark.parametrize(
    ("subject", "expected"),
    [("x" * 200, "x" * 128), ("line\nend\x00", "line?end?"), ("Zoë", "Zoë")],
    ids=["long", "control characters", "letters"],
)
def test_a_subject_can_be_stored_and_logged(subject: str, expected: str) -> None:
    assert verifier().verify(sign_token(sub=subject)).subject == expected


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(lambda now: {"exp": now - 5}, id="just expired"),
        pytest.param(lambda now: {"nbf": now + 20}, id="valid in a moment"),
        pytest.param(lambda now: {"aud": ["other", "mlrf"]}, id="one of several audiences"),
    ],
)
def test_clocks_may_differ_a_little(changes: Callable[[int], dict[str, Any]]) -> None:
    claims = changes(int(time.time()))
    assert verifier().verify(sign_token(**claims)).subject == "planner"


def test_an_issuer_is_required_only_where_configured() -> None:
    token = sign_token(iss=None)
    assert verifier(issuer=None).verify(token).subject == "planner"
    assert reason_of(token) == "token_claims"


# --- rejected tokens --------------------------------------------------------------------------


def reason_of(token: str, using: TokenVerifier | None = None) -> str:
    with pytest.raises(TokenError) as raised:
        (using or verifier()).verify(token)
    assert raised.value.detail
    # a chained message of the library could put parts of the token into a log
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    return raised.value.reason


HEADER = b'{"alg": "HS256"}'
BODY = json.dumps(claims()).encode()


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        pytest.param(sign_token(exp=int(time.time()) - 60), "token_expired", id="expired"),
        pytest.param(sign_token(nbf=int(time.time()) + 3600), "token_early", id="not yet valid"),
        pytest.param(sign_token(aud="other"), "token_audience", id="another audience"),
        pytest.param(sign_token(aud=["a", "b"]), "token_audience", id="other audiences"),
        pytest.param(sign_token(aud=None), "token_claims", id="no audience"),
        pytest.param(sign_token(iss="somebody"), "token_issuer", id="another issuer"),
        pytest.param(sign_token(exp=None), "token_claims", id="no expiry"),
        pytest.param(sign_token(sub=None), "token_claims", id="no subject"),
        pytest.param(sign_token(sub=""), "token_claims", id="empty subject"),
        pytest.param(raw(HEADER, json.dumps(claims(sub=7)).encode()), "token_claims", id="number"),
        pytest.param(
            sign_token("another secret of the same length, 40 ch"), "token_signature", id="key"
        ),
        pytest.param(sign_token(SECRET * 2, "HS384"), "token_algorithm", id="another algorithm"),
        pytest.param(sign_token(None, algorithm="none"), "token_algorithm", id="unsigned"),
        pytest.param(raw(b'{"alg": "nOnE"}', BODY), "token_algorithm", id="unsigned, spelled"),
        pytest.param(raw(b"{}", BODY), "token_algorithm", id="no algorithm"),
        pytest.param(raw(b"[]", BODY), "token_malformed", id="header of another shape"),
        pytest.param(raw(b'{"alg": "HS256", "kid": 7}', BODY), "token_malformed", id="odd kid"),
        pytest.param(raw(HEADER, b"[]"), "token_malformed", id="claims of another shape"),
        pytest.param(raw(HEADER, b"\xff"), "token_malformed", id="claims that are no text"),
        pytest.param(raw(b"[" * 2900, b"{}"), "token_malformed", id="deep header"),
        pytest.param(raw(HEADER, b'{"a":' * 580), "token_malformed", id="deep claims"),
        pytest.param("a.b.c", "token_malformed", id="letters"),
        pytest.param("..", "token_malformed", id="dots"),
        pytest.param(sign_token() + "A", "token_signature", id="longer"),
        pytest.param(sign_token()[:-2], "token_malformed", id="shorter"),
        *(
            pytest.param(
                raw(HEADER, BODY.replace(b'"exp": ', b'"exp": ' + value + b', "x": ')),
                "token_malformed",
                id=f"expiry {value.decode()}",
            )
            for value in (b"Infinity", b"NaN", b'"soon"', b"[]", b"1e999")
        ),
    ],
)
def test_an_invalid_token_is_refused(token: str, reason: str) -> None:
    assert reason_of(token) == reason


@pytest.mark.parametrize(
    ("text", "like"),
    [
        (sign_token(), True),
        (sign_token(None, algorithm="none"), True),
        ("mlrf_abc_def_ghi", False),
        ("one.two", False),
        ("a.b.c.d", False),
        ("ä.b.c", False),
        ("a.b.c\n", False),
    ],
)
def test_a_token_is_recognized_by_its_shape(text: str, like: bool) -> None:
    assert looks_like_token(text) is like


@pytest.mark.parametrize("secret", ["", "x" * 31])
def test_a_short_secret_is_refused(secret: str) -> None:
    with pytest.raises(InputError, match="must have 32 or more") as raised:
        SharedSecret(secret)
    assert not secret or secret not in str(raised.value)


# --- the cache --------------------------------------------------------------------------------


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the tokens that were verified rather than found in the cache."""
    seen: list[str] = []
    real = jwt.decode

    def decode(token: str, *args: Any, **options: Any) -> Any:
        seen.append(token)
        return real(token, *args, **options)

    monkeypatch.setattr(module.jwt, "decode", decode)
    return seen


@pytest.mark.parametrize(
    ("lifetime", "later", "times"),
    [(600, 59, 1), (600, 61, 2), (20, 19, 1), (20, 21, 2)],
    ids=["within a minute", "after a minute", "before its expiry", "after its expiry"],
)
def test_a_token_is_verified_once_a_minute(
    decodings: list[str], lifetime: int, later: int, times: int
) -> None:
    clock = Clock(time.time())
    using = verifier(clock=clock)
    token = sign_token(exp=int(clock.now) + lifetime + 1)
    using.verify(token)
    clock.now += later
    using.verify(token)
    assert len(decodings) == times


def test_an_expired_token_is_refused_though_it_was_cached() -> None:
    """The leeway is for clock differences, and the cache adds nothing to it."""
    clock = Clock(time.time())
    using = verifier(clock=clock, leeway=0)
    token = sign_token(exp=int(clock.now) + 1)
    assert using.verify(token)
    while time.time() < int(clock.now) + 1.01:
        time.sleep(0.05)  # PyJWT reads the system clock, which a test cannot set
    clock.now = time.time()
    assert reason_of(token, using) == "token_expired"


def test_refusals_are_not_cached_and_the_cache_is_bounded(decodings: list[str]) -> None:
    using = verifier(cached_bytes=2_700)  # room for two tokens
    for number in range(5):
        using.verify(sign_token(sub=f"{number}"))
    assert len(using._cache) == 2
    bad = sign_token(aud="other")
    assert {reason_of(bad, using), reason_of(bad, using)} == {"token_audience"}
    assert decodings.count(bad) == 2


def test_neither_token_nor_secret_is_shown_or_stored() -> None:
    using = verifier()
    token = sign_token()
    verified = using.verify(token)
    output = f"{using!r} {using._keys!r} {verified!r} {list(using._cache.items())!r}"
    assert token not in output
    assert SECRET not in output


# --- public keys ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def private() -> list[rsa.RSAPrivateKey]:
    return [rsa.generate_private_key(65537, 2048) for _ in range(2)]


@pytest.fixture(scope="module")
def weak() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 1024)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk(key: rsa.RSAPrivateKey, **more: Any) -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), **more}


def jwk_set(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sign-on.keys"


def by_file(path: Path, content: bytes, **changes: Any) -> TokenVerifier:
    path.write_bytes(content)
    return verifier(PublicKeys(path), **changes)


def rs256(key: rsa.RSAPrivateKey, kid: str | None = None) -> str:
    return sign_token(key, "RS256", headers={"kid": kid} if kid else None)


def test_a_token_is_verified_with_a_key_as_pem(path: Path, private: list[Any]) -> None:
    using = by_file(path, pem(private[0]))
    assert using.verify(rs256(private[0])).subject == "planner"
    assert using.verify(rs256(private[0], kid="whatever")).subject == "planner"
    assert reason_of(rs256(private[1]), using) == "token_signature"


def test_a_token_is_verified_with_the_key_that_it_names(path: Path, private: list[Any]) -> None:
    one, two = private
    using = by_file(path, jwk_set(jwk(one, kid="one"), jwk(two, kid="two")))
    assert using.verify(rs256(one, "one")).subject == "planner"
    assert using.verify(rs256(two, "two")).subject == "planner"
    assert reason_of(rs256(one, "two"), using) == "token_signature"
    assert reason_of(rs256(one, "three"), using) == "token_key"
    assert reason_of(rs256(one), using) == "token_key"


def test_a_token_may_omit_the_id_of_the_only_key(path: Path, private: list[Any]) -> None:
    using = by_file(path, jwk_set(jwk(private[0], kid="one")))
    assert using.verify(rs256(private[0])).subject == "planner"
    assert reason_of(rs256(private[0], "two"), using) == "token_key"


def test_a_public_key_is_no_shared_secret(path: Path, private: list[Any]) -> None:
    """The token is signed with the text of the public key as an HS256 secret."""
    content = pem(private[0])
    using = by_file(path, content)
    assert reason_of(raw(HEADER, BODY, content.decode()), using) == "token_algorithm"


def test_a_key_embedded_in_the_token_is_not_trusted(path: Path, private: list[Any]) -> None:
    using = by_file(path, pem(private[0]))
    token = sign_token(private[1], "RS256", headers={"jwk": jwk(private[1])})
    assert reason_of(token, using) == "token_signature"


def test_keys_for_other_uses_are_ignored(path: Path, private: list[Any]) -> None:
    one, two = private
    content = jwk_set(
        jwk(one, kid="encrypts", use="enc"),
        jwk(one, kid="other", alg="RS512"),
        {"kty": "oct", "kid": "shared", "k": base64.urlsafe_b64encode(b"x" * 32).decode()},
        RSAAlgorithm.to_jwk(one, as_dict=True) | {"kid": "private"},
        jwk(two, kid="signs", use="sig", alg="RS256"),
    )
    keys = by_file(path, content)._keys
    kids = ("encrypts", "other", "shared", "private", "signs")
    assert [kid for kid in kids if keys.find(kid)] == ["signs"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hello", id="no key"),
        pytest.param(b"{}", id="no set"),
        pytest.param(b'{"keys": []}', id="empty set"),
        pytest.param(b'{"keys": 7}', id="number for a set"),
        pytest.param(b'{"keys": [7]}', id="number for a key"),
        pytest.param(b'{"keys": [{"kty": "RSA", "n": "x", "e": "y"}]}', id="broken key"),
        pytest.param(b'{"keys": [{"kty": "RSA"}]}', id="half a key"),
        pytest.param(b"{" * 9, id="no JSON"),
        pytest.param(pem(ec.generate_private_key(ec.SECP256R1())), id="elliptic curve"),
    ],
)
def test_a_file_without_a_usable_key_is_refused(path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"^sign-on\.keys: holds"):
        by_file(path, content)


def test_a_key_that_is_too_short_is_refused(path: Path, weak: rsa.RSAPrivateKey) -> None:
    for content in (pem(weak), jwk_set(jwk(weak, kid="weak"))):
        with pytest.raises(InputError, match="2048 bits"):
            by_file(path, content)


def test_a_private_key_is_refused_and_not_shown(path: Path, private: list[Any]) -> None:
    content = private[0].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(InputError, match="neither") as raised:
        by_file(path, content)
    assert content.decode().splitlines()[1] not in repr(raised.value.__cause__)


def test_a_file_that_is_missing_is_refused(path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        PublicKeys(path)


# --- a change of the file ---------------------------------------------------------------------


class Rotation:
    """A file of keys that changes while in use."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.time = 0.0
        self._path = path
        self._written = 0
        self.write(content)
        self.verifier = verifier(PublicKeys(path, clock=lambda: self.time))

    def write(self, content: bytes) -> None:
        self._path.write_bytes(content)
        self._written += 1
        os.utime(self._path, (self._written, self._written))

    def subject(self, token: str) -> str:
        try:
            return self.verifier.verify(token).subject
        except TokenError as error:
            return error.reason


@pytest.fixture
def rotation(path: Path, private: list[Any]) -> Rotation:
    return Rotation(path, jwk_set(jwk(private[0], kid="one")))


def test_a_new_key_is_found_and_an_old_one_forgotten(
    rotation: Rotation, private: list[Any]
) -> None:
    """Cached tokens that were verified before are affected too."""
    old, new = rs256(private[0], "one"), rs256(private[1], "two")
    assert (rotation.subject(old), rotation.subject(new)) == ("planner", "token_key")
    rotation.write(jwk_set(jwk(private[1], kid="two")))
    rotation.time += CHECK_SECONDS - 1
    assert (rotation.subject(old), rotation.subject(new)) == ("planner", "token_key")
    rotation.time += 1
    assert (rotation.subject(old), rotation.subject(new)) == ("token_key", "planner")


def test_the_file_is_not_checked_for_every_token(
    rotation: Rotation, private: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    real = Path.stat

    def stat(self: Path, **options: Any) -> os.stat_result:
        nonlocal looks
        looks += 1
        return real(self, **options)

    monkeypatch.setattr(Path, "stat", stat)
    for _ in range(10):
        rotation.subject(rs256(private[0], "unknown"))
    assert looks == 0


def test_an_unchanged_file_is_not_read_again(
    rotation: Rotation, private: list[Any], decodings: list[str]
) -> None:
    token = rs256(private[0], "one")
    rotation.subject(token)
    rotation.time += CHECK_SECONDS
    rotation.subject(token)
    assert decodings == [token]


@pytest.mark.parametrize("content", [None, b"", b'{"keys": ['], ids=["gone", "empty", "half"])
def test_keys_stay_valid_while_the_file_is_unreadable(
    rotation: Rotation,
    private: list[Any],
    path: Path,
    content: bytes | None,
    log_lines: Callable[[], list[dict[str, Any]]],
) -> None:
    """The next readable file is read."""
    if content is None:
        path.unlink()
    else:
        rotation.write(content)
    rotation.time += CHECK_SECONDS
    assert rotation.subject(rs256(private[0], "one")) == "planner"
    assert str(path.parent) not in json.dumps(log_lines())
    rotation.write(jwk_set(jwk(private[1], kid="two")))
    rotation.time += CHECK_SECONDS
    assert rotation.subject(rs256(private[1], "two")) == "planner"
