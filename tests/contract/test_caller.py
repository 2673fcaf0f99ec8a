"""GET /caller and GET /sign-in/options: who asks, and how to sign in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from config.topics import AuthMode
from errors import Code
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.artifacts import Store
from tests.contract.composed import (
    EVERY_SCOPE,
    KEY,
    KeyClient,
    RawRequest,
    bearer,
    compose_application,
    send_requests,
)
from tests.contract.conftest import Client, FixedServing, LocalRunners, UnavailableServing

Compose = Callable[..., Any]


@pytest.fixture
def compose(tmp_path: Path, trained: Store, serving_release: LoadedRelease) -> Compose:
    """Compose a server with a database of its own and with any settings."""

    def compose(**settings: Any) -> Any:
        runners = LocalRunners(serving_release.engine)
        serving = FixedServing(Forecaster(serving_release, runners, runners))
        return compose_application(tmp_path, trained, serving_release, serving, **settings)

    return compose


def caller_with(app: Any, headers: dict[str, str]) -> dict[str, Any]:
    response = Client(app).request("GET", "/caller", headers=headers)
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


# --- who asks ---------------------------------------------------------------------------------


def test_the_key_of_the_environment_has_every_scope_and_no_limit(compose: Compose) -> None:
    assert caller_with(compose(), {"X-API-Key": KEY}) == {
        "client": "API_KEY",
        "scopes": sorted(EVERY_SCOPE),
        "tier": "unlimited",
        "authentication": "environment",
        "limits": None,
    }


def test_a_key_has_its_own_name_scopes_and_limits(compose: Compose) -> None:
    app = compose()
    fields = {"client": "shop", "scopes": ["whatif", "forecast"], "tier": "free"}
    key = KeyClient(app).post("/admin/keys", **fields).json()["key"]
    assert caller_with(app, {"X-API-Key": key}) == {
        "client": "shop",
        "scopes": ["forecast", "whatif"],
        "tier": "free",
        "authentication": "key",
        "limits": {"quota": 100, "window": 3600, "burst": 10},
    }


def test_a_token_is_named_by_its_subject(compose: Compose) -> None:
    answer = caller_with(compose(), bearer({"forecast"}, tier="basic", subject="anna"))
    assert answer["limits"] == {"quota": 1000, "window": 3600, "burst": 100}
    del answer["limits"]
    assert answer == {
        "client": "anna",
        "scopes": ["forecast"],
        "tier": "basic",
        "authentication": "token",
    }


def test_without_authentication_the_machine_itself_may_do_everything(client: Client) -> None:
    answer = client.get("/caller").json()
    assert (answer["client"], answer["authentication"]) == ("local", "local")
    assert (answer["scopes"], answer["limits"]) == (sorted(EVERY_SCOPE), None)


def test_a_tier_that_was_removed_shows_the_limits_that_apply_instead(compose: Compose) -> None:
    app = compose(tiers={"gold": {"quota": 7}}, default_tier="gold")
    fields = {"client": "shop", "tier": "gold"}
    key = KeyClient(app).post("/admin/keys", **fields).json()["key"]
    later = compose(default_tier="basic")
    assert caller_with(later, {"X-API-Key": key})["tier"] == "basic"


def test_asking_costs_nothing_and_guessing_a_key_one_unit(compose: Compose) -> None:
    app = compose(tiers={"anonymous": {"quota": 60, "window": 60, "burst": 20}})
    valid = RawRequest("GET", "/caller", bearer({"forecast"}, tier="standard"))
    guess = RawRequest("GET", "/caller", {"X-API-Key": "a-guess-at-the-key-of-the-server"})
    answer, refusal = send_requests(app, valid, guess)
    assert "x-ratelimit-remaining" not in answer.headers
    assert (refusal.status, refusal.headers["x-ratelimit-remaining"]) == (401, "19")


def test_the_answer_is_never_stored_by_a_browser(compose: Compose) -> None:
    response = Client(compose()).request("GET", "/caller", headers={"X-API-Key": KEY})
    assert response.headers["cache-control"] == "no-store"
    assert "etag" not in response.headers


# --- how to sign in ---------------------------------------------------------------------------

SIGN_ON = {
    "jwt_secret": None,
    "jwt_issuer": "https://sso.example/realms/shop",
    "sign_in_client_id": "planners",
}


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    path = tmp_path / "keys.pem"
    path.write_bytes(public.public_bytes(serialization.Encoding.PEM, form))
    return path


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        pytest.param({}, {"key": True, "required": True, "single_sign_on": None}, id="keys"),
        pytest.param(
            {"auth_mode": AuthMode.DISABLED},
            {"key": False, "required": False, "single_sign_on": None},
            id="no authentication",
        ),
    ],
)
def test_a_page_learns_without_a_key_how_to_sign_in(
    compose: Compose, settings: dict[str, Any], options: dict[str, Any]
) -> None:
    assert Client(compose(**settings)).get("/sign-in/options").json() == options


def test_a_configured_provider_is_offered_with_the_client_of_the_dashboard(
    compose: Compose, keys_file: Path
) -> None:
    request = {"sign_in_scope": "openid mlrf", "sign_in_resource": "https://forecasts.example"}
    app = compose(**SIGN_ON, jwt_keys_file=keys_file, **request)
    assert Client(app).get("/sign-in/options").json()["single_sign_on"] == {
        "issuer": "https://sso.example/realms/shop",
        "client_id": "planners",
        "scope": "openid mlrf",
        "resource": "https://forecasts.example",
    }


def test_a_provider_is_not_offered_where_tokens_are_ignored(
    compose: Compose, keys_file: Path
) -> None:
    app = compose(**SIGN_ON, jwt_keys_file=keys_file, auth_mode=AuthMode.DISABLED)
    assert Client(app).get("/sign-in/options").json()["single_sign_on"] is None


def test_signing_in_needs_no_model(
    tmp_path: Path, trained: Store, serving_release: LoadedRelease
) -> None:
    app = compose_application(tmp_path, trained, serving_release, UnavailableServing())
    client = KeyClient(app)
    assert client.get("/sign-in/options").status_code == client.get("/caller").status_code == 200
    client.problem(client.get("/meta"), Code.MODEL_UNAVAILABLE)
