"""Administration over the contract: keys, and their audit log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from errors import Code
from storage.keys import Scope, parse_key
from tests.contract.administered import Compose
from tests.contract.administered import admin as admin  # a fixture
from tests.contract.administered import compose as compose  # a fixture
from tests.contract.composed import KEY, KeyClient, bearer

FORECAST = {"store_nbr": 1, "family": "LIQUOR,WINE,BEER", "horizon": 15}


def create_key(admin: KeyClient, client: str = "shop", **fields: Any) -> dict[str, Any]:
    response = admin.post("/admin/keys", client=client, **fields)
    assert response.status_code == 201, response.text
    document: dict[str, Any] = response.json()
    return document


def forecast_with(admin: KeyClient, key: str) -> int:
    response = admin.request("POST", "/predict/simple", json=FORECAST, headers={"X-API-Key": key})
    return response.status_code


# --- create keys ------------------------------------------------------------------------------


def test_a_new_key_works_immediately_and_only_for_its_scopes(admin: KeyClient) -> None:
    made = create_key(admin, scopes=["forecast"])
    assert parse_key(made["key"]) is not None
    assert forecast_with(admin, made["key"]) == 200
    refused = admin.request("GET", "/admin/keys", headers={"X-API-Key": made["key"]})
    admin.problem(refused, Code.FORBIDDEN)


def test_fields_that_are_left_out_have_the_configured_defaults(admin: KeyClient) -> None:
    """No scope for metrics or administration, the default tier, and no expiry."""
    made = create_key(admin)
    assert made["scopes"] == ["batch", "explain", "forecast", "whatif"]
    assert (made["tier"], made["expires_at"], made["state"]) == ("standard", None, "active")
    assert (made["revoked_at"], made["last_used_at"]) == (None, None)


def test_the_list_of_keys_names_the_tiers_that_a_new_one_may_have(admin: KeyClient) -> None:
    answer = admin.get("/admin/keys").json()
    assert answer["default_tier"] == create_key(admin)["tier"]
    for at, tier in enumerate(answer["tiers"]):
        assert create_key(admin, f"shop-{at}", tier=tier)["tier"] == tier


def test_the_secret_of_a_key_is_returned_once_and_may_not_be_cached(admin: KeyClient) -> None:
    response = admin.post("/admin/keys", client="shop")
    assert response.headers["cache-control"] == "no-store"
    text = response.json()["key"]
    secret = parse_key(text).secret  # type: ignore[union-attr]
    for path in ("/admin/keys", "/admin/audit"):
        assert secret not in admin.get(path).text
    (listed,) = admin.get("/admin/keys").json()["keys"]
    assert listed == {name: value for name, value in response.json().items() if name != "key"}


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        pytest.param({"scopes": []}, "/scopes", id="no scope"),
        pytest.param({"scopes": ["everything"]}, "/scopes/0", id="a scope that there is not"),
        pytest.param({"tier": "golden"}, "/tier", id="a tier that there is not"),
        pytest.param({"expires_at": "2024-01-01T00:00:00"}, "/expires_at", id="no time zone"),
        pytest.param({"expires_at": "soon"}, "/expires_at", id="no time"),
        pytest.param({"scope": ["forecast"]}, "/scope", id="a field that there is not"),
        pytest.param({"client": 7}, "/client", id="a client that is no text"),
    ],
)
def test_an_invalid_field_is_refused_with_its_pointer(
    admin: KeyClient, fields: dict[str, Any], pointer: str
) -> None:
    response = admin.post("/admin/keys", **{"client": "shop", **fields})
    problem = admin.problem(response, Code.INVALID_REQUEST)
    assert problem["errors"][0]["pointer"] == pointer
    assert admin.get("/admin/keys").json()["keys"] == []


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"client": ""}, id="an empty client"),
        pytest.param({"client": "shop\nadmin"}, id="a client of two lines"),
        pytest.param({"client": "s" * 101}, id="a client that is too long"),
        pytest.param({"expires_at": "2024-01-01T00:00:00Z"}, id="an end in the past"),
        pytest.param({"expires_at": "9999-12-31T23:59:59Z"}, id="an end too far off"),
        pytest.param({"expires_at": "0001-01-01T00:00:00+14:00"}, id="an end before the calendar"),
        pytest.param({"expires_at": "9999-12-31T23:59:59-14:00"}, id="an end after the calendar"),
    ],
)
def test_a_value_that_the_database_would_reject_is_refused(
    admin: KeyClient, fields: dict[str, Any]
) -> None:
    response = admin.post("/admin/keys", **{"client": "shop", **fields})
    admin.problem(response, Code.INVALID_REQUEST)
    assert admin.get("/admin/keys").json()["keys"] == []


def test_a_client_has_two_keys_at_most(admin: KeyClient) -> None:
    first, second = create_key(admin), create_key(admin)
    problem = admin.problem(admin.post("/admin/keys", client="shop"), Code.CONFLICT)
    assert first["id"] in problem["detail"]
    assert second["id"] in problem["detail"]
    create_key(admin, "another")


# --- repeated requests ------------------------------------------------------------------------


def create_with_idempotency_key(
    admin: KeyClient, name: str, headers: Any = (), **fields: Any
) -> Any:
    body = {"client": "shop", **fields}
    sent_headers = {"Idempotency-Key": name, **dict(headers)}
    return admin.request("POST", "/admin/keys", json=body, headers=sent_headers)


def test_a_repeated_request_makes_no_second_key(admin: KeyClient) -> None:
    first, again = (
        create_with_idempotency_key(admin, "order-17"),
        create_with_idempotency_key(admin, "order-17"),
    )
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "key": None}
    assert len(admin.get("/admin/keys").json()["keys"]) == 1


def test_another_request_with_the_same_idempotency_key_is_refused(admin: KeyClient) -> None:
    create_with_idempotency_key(admin, "order-17")
    for fields in ({"client": "other"}, {"scopes": ["forecast"]}, {"tier": "free"}):
        admin.problem(create_with_idempotency_key(admin, "order-17", **fields), Code.CONFLICT)
    assert create_with_idempotency_key(admin, "order-18").status_code == 201


def test_two_callers_may_use_the_same_idempotency_key(admin: KeyClient) -> None:
    """Neither may learn of the other's key, or be refused because of it."""
    ids = {
        create_with_idempotency_key(admin, "1", bearer({Scope.ADMIN}, subject=subject)).json()["id"]
        for subject in ("anna", "berta")
    }
    assert len(ids) == 2


@pytest.mark.parametrize("name", ["", "   ", "x" * 256])
def test_an_empty_or_too_long_idempotency_key_is_refused(admin: KeyClient, name: str) -> None:
    """All requests with an empty one would count as repetitions of the first."""
    admin.problem(create_with_idempotency_key(admin, name), Code.INVALID_REQUEST)


# --- rotate and revoke keys -------------------------------------------------------------------


def test_a_rotated_key_works_until_its_grace_period_ends(admin: KeyClient) -> None:
    old = create_key(admin, scopes=["forecast"], tier="premium")
    before = datetime.now(UTC)
    response = admin.post(f"/admin/keys/{old['id']}/rotate", grace_seconds=3600)
    new = response.json()
    assert response.status_code == 201
    assert (new["client"], new["scopes"], new["tier"]) == ("shop", ["forecast"], "premium")
    listed = {key["id"]: key for key in admin.get("/admin/keys").json()["keys"]}
    end = datetime.fromisoformat(listed[old["id"]]["expires_at"])
    assert timedelta(0) <= end - before - timedelta(hours=1) < timedelta(minutes=1)
    assert {forecast_with(admin, key["key"]) for key in (old, new)} == {200}


def test_a_key_that_is_rotated_without_grace_is_refused(admin: KeyClient) -> None:
    old = create_key(admin)
    new = admin.post(f"/admin/keys/{old['id']}/rotate", grace_seconds=0).json()
    assert (forecast_with(admin, old["key"]), forecast_with(admin, new["key"])) == (401, 200)
    states = {key["id"]: key["state"] for key in admin.get("/admin/keys").json()["keys"]}
    assert states == {old["id"]: "expired", new["id"]: "active"}
    again = admin.post(f"/admin/keys/{old['id']}/rotate")
    assert old["id"] in admin.problem(again, Code.CONFLICT)["detail"]


@pytest.mark.parametrize("grace", [0, 3600])
def test_a_repeated_rotation_makes_no_second_successor(admin: KeyClient, grace: int) -> None:
    """Also without grace, where the first request has ended the old key."""
    old = create_key(admin)
    path, body = f"/admin/keys/{old['id']}/rotate", {"grace_seconds": grace}
    headers = {"Idempotency-Key": "order-17"}
    first, again = (
        admin.request("POST", path, json=body, headers=headers),
        admin.request("POST", path, json=body, headers=headers),
    )
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "key": None}
    assert len(admin.get("/admin/keys").json()["keys"]) == 2


def test_a_rotation_with_the_idempotency_key_of_another_request_is_refused(
    admin: KeyClient,
) -> None:
    made = create_with_idempotency_key(admin, "order-17").json()
    other = create_key(admin, "other")
    headers = {"Idempotency-Key": "order-17"}
    for key in (made, other):
        path = f"/admin/keys/{key['id']}/rotate"
        admin.problem(admin.request("POST", path, json={}, headers=headers), Code.CONFLICT)


@pytest.mark.parametrize("seconds", [-1, 31 * 86_400, 1.5, "60", True])
def test_an_invalid_grace_period_is_refused(admin: KeyClient, seconds: Any) -> None:
    key = create_key(admin)
    response = admin.post(f"/admin/keys/{key['id']}/rotate", grace_seconds=seconds)
    problem = admin.problem(response, Code.INVALID_REQUEST)
    assert [error["pointer"] for error in problem["errors"]] == ["/grace_seconds"]


def test_a_revoked_key_is_refused_and_stays_so(admin: KeyClient) -> None:
    key = create_key(admin)
    ended = admin.request("DELETE", f"/admin/keys/{key['id']}").json()
    assert (ended["state"], ended["id"]) == ("revoked", key["id"])
    assert "key" not in ended
    assert forecast_with(admin, key["key"]) == 401
    again = admin.request("DELETE", f"/admin/keys/{key['id']}").json()
    assert again["revoked_at"] == ended["revoked_at"]
    admin.problem(admin.post(f"/admin/keys/{key['id']}/rotate"), Code.CONFLICT)


@pytest.mark.parametrize("key", ["0123456789ab", "x" * 500, "%00", "' OR 1=1 --"])
@pytest.mark.parametrize(("method", "path"), [("DELETE", ""), ("POST", "/rotate")])
def test_an_unknown_key_is_not_found(admin: KeyClient, method: str, path: str, key: str) -> None:
    response = admin.request(method, f"/admin/keys/{key}{path}", json={})
    admin.problem(response, Code.NOT_FOUND)


def test_the_key_itself_in_the_place_of_its_id_is_masked_everywhere(admin: KeyClient) -> None:
    """People paste the key they have at hand."""
    key = create_key(admin)
    response = admin.request("DELETE", f"/admin/keys/{key['key']}")
    problem = admin.problem(response, Code.NOT_FOUND)
    secret = parse_key(key["key"]).secret  # type: ignore[union-attr]
    assert secret not in problem["detail"]


def test_keys_are_listed_by_client(admin: KeyClient) -> None:
    for client in ("shop", "planner", "shop"):
        create_key(admin, client)
    clients = [key["client"] for key in admin.get("/admin/keys").json()["keys"]]
    assert clients == ["shop", "planner", "shop"]
    filtered = admin.get("/admin/keys", client="planner").json()["keys"]
    assert [key["client"] for key in filtered] == ["planner"]
    assert admin.get("/admin/keys", client="nobody").json()["keys"] == []


# --- the audit log ----------------------------------------------------------------------------


def test_every_action_is_in_the_audit_log_with_its_actor(admin: KeyClient) -> None:
    as_anna = bearer({Scope.ADMIN}, subject="anna")
    with_request_id = {**as_anna, "X-Request-ID": "ticket-9"}
    made = admin.request(
        "POST", "/admin/keys", json={"client": "shop"}, headers=with_request_id
    ).json()
    new = admin.request("POST", f"/admin/keys/{made['id']}/rotate", json={}, headers=as_anna).json()
    admin.request("DELETE", f"/admin/keys/{new['id']}")
    entries = admin.get("/admin/audit").json()["entries"]
    assert [(entry["action"], entry["actor"], entry["subject"]) for entry in entries] == [
        ("key.revoke", "env", new["id"]),
        ("key.rotate", "jwt:anna", made["id"]),
        ("key.create", "jwt:anna", made["id"]),
    ]
    assert entries[2]["request_id"] == "ticket-9"
    assert {entry["address"] for entry in entries} == {"127.0.0.1"}


def test_the_audit_log_is_read_page_by_page(admin: KeyClient) -> None:
    for number in range(4):
        create_key(admin, f"client-{number}")
    pages: list[list[int]] = []
    before: dict[str, int] = {}
    while True:
        page = admin.get("/admin/audit", limit=2, **before).json()
        pages.append([entry["id"] for entry in page["entries"]])
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    assert [number for page in pages for number in page] == [4, 3, 2, 1]
    assert len(pages) == 2, "the last page is full and has no next one"


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "before=0", "limit=x", "after=1"])
def test_an_invalid_page_query_is_refused(admin: KeyClient, query: str) -> None:
    admin.problem(admin.request("GET", f"/admin/audit?{query}"), Code.INVALID_REQUEST)


# --- an unavailable database ------------------------------------------------------------------


def test_a_failing_database_is_reported_as_keys_unavailable(
    compose: Compose, tmp_path: Path
) -> None:
    """The key from the environment, which is not in the database, still works."""
    admin = compose()
    (tmp_path / "mlrf.db").write_bytes(b"no database" * 100)
    for response in (admin.get("/admin/keys"), admin.post("/admin/keys", client="shop")):
        admin.problem(response, Code.KEYS_UNAVAILABLE)
        assert int(response.headers["retry-after"]) > 0
    assert forecast_with(admin, KEY) == 200
