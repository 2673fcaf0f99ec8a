"""Administration over the contract: keys, their audit log, and what a reload refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from artifacts import Store
from errors import Code
from models.forecaster import Forecaster
from models.release import LoadedRelease
from storage.keys import Scope, parse
from tests.contract.composed import KEY, KeyClient, bearer, composed
from tests.contract.conftest import LocalRunners, Serves

Compose = Callable[..., KeyClient]
FORECAST = {"store_nbr": 1, "family": "LIQUOR,WINE,BEER", "horizon": 15}


@pytest.fixture
def compose(tmp_path: Path, trained: Store, serving_release: LoadedRelease) -> Compose:
    """A server with a database of its own, and with the settings that are given."""

    def compose(**settings: Any) -> KeyClient:
        runners = LocalRunners(serving_release.engine)
        serving = Serves(Forecaster(serving_release, runners, runners))
        return KeyClient(composed(tmp_path, trained, serving_release, serving, **settings))

    return compose


@pytest.fixture
def admin(compose: Compose) -> KeyClient:
    return compose()


def created(admin: KeyClient, client: str = "shop", **wanted: Any) -> dict[str, Any]:
    response = admin.post("/admin/keys", client=client, **wanted)
    assert response.status_code == 201, response.text
    document: dict[str, Any] = response.json()
    return document


def forecast_with(admin: KeyClient, key: str) -> int:
    response = admin.request("POST", "/predict/simple", json=FORECAST, headers={"X-API-Key": key})
    return response.status_code


# --- making keys ------------------------------------------------------------------------------


def test_a_key_that_is_made_can_be_used_at_once_and_for_its_scopes_alone(admin: KeyClient) -> None:
    made = created(admin, scopes=["forecast"])
    assert parse(made["key"]) is not None
    assert forecast_with(admin, made["key"]) == 200
    refused = admin.request("GET", "/admin/keys", headers={"X-API-Key": made["key"]})
    admin.problem(refused, Code.FORBIDDEN)


def test_what_is_not_asked_for_has_the_defaults_of_the_configuration(admin: KeyClient) -> None:
    """Neither metrics nor administration, the default tier, and no end."""
    made = created(admin)
    assert made["scopes"] == ["batch", "explain", "forecast", "whatif"]
    assert (made["tier"], made["expires_at"], made["state"]) == ("standard", None, "active")
    assert (made["revoked_at"], made["last_used_at"]) == (None, None)


def test_a_key_is_told_once_and_never_kept_by_a_cache(admin: KeyClient) -> None:
    response = admin.post("/admin/keys", client="shop")
    assert response.headers["cache-control"] == "no-store"
    text = response.json()["key"]
    secret = parse(text).secret  # type: ignore[union-attr]
    for path in ("/admin/keys", "/admin/audit"):
        assert secret not in admin.get(path).text
    (listed,) = admin.get("/admin/keys").json()["keys"]
    assert listed == {name: value for name, value in response.json().items() if name != "key"}


@pytest.mark.parametrize(
    ("wanted", "pointer"),
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
def test_what_cannot_be_made_is_refused_with_its_place(
    admin: KeyClient, wanted: dict[str, Any], pointer: str
) -> None:
    response = admin.post("/admin/keys", **{"client": "shop", **wanted})
    problem = admin.problem(response, Code.INVALID_REQUEST)
    assert problem["errors"][0]["pointer"] == pointer
    assert admin.get("/admin/keys").json() == {"keys": []}


@pytest.mark.parametrize(
    "wanted",
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
def test_what_the_database_would_not_take_is_refused(
    admin: KeyClient, wanted: dict[str, Any]
) -> None:
    response = admin.post("/admin/keys", **{"client": "shop", **wanted})
    admin.problem(response, Code.INVALID_REQUEST)
    assert admin.get("/admin/keys").json() == {"keys": []}


def test_a_client_has_two_keys_at_most(admin: KeyClient) -> None:
    first, second = created(admin), created(admin)
    problem = admin.problem(admin.post("/admin/keys", client="shop"), Code.CONFLICT)
    assert first["id"] in problem["detail"]
    assert second["id"] in problem["detail"]
    created(admin, "another")


# --- requests that are repeated ---------------------------------------------------------------


def repeated(admin: KeyClient, name: str, headers: Any = (), **wanted: Any) -> Any:
    body = {"client": "shop", **wanted}
    named = {"Idempotency-Key": name, **dict(headers)}
    return admin.request("POST", "/admin/keys", json=body, headers=named)


def test_a_repeated_request_makes_no_second_key(admin: KeyClient) -> None:
    first, again = repeated(admin, "order-17"), repeated(admin, "order-17")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "key": None}
    assert len(admin.get("/admin/keys").json()["keys"]) == 1


def test_another_request_under_the_same_name_is_refused(admin: KeyClient) -> None:
    repeated(admin, "order-17")
    for wanted in ({"client": "other"}, {"scopes": ["forecast"]}, {"tier": "free"}):
        admin.problem(repeated(admin, "order-17", **wanted), Code.CONFLICT)
    assert repeated(admin, "order-18").status_code == 201


def test_two_callers_may_choose_the_same_name(admin: KeyClient) -> None:
    """One must not learn of the other's key, nor be refused for it."""
    ids = {
        repeated(admin, "1", bearer({Scope.ADMIN}, subject=subject)).json()["id"]
        for subject in ("anna", "berta")
    }
    assert len(ids) == 2


@pytest.mark.parametrize("name", ["", "   ", "x" * 256])
def test_a_name_that_is_none_is_refused(admin: KeyClient, name: str) -> None:
    """It would make every request that sends an empty one the same."""
    admin.problem(repeated(admin, name), Code.INVALID_REQUEST)


# --- keys that are replaced and ended ---------------------------------------------------------


def test_a_rotated_key_works_until_its_grace_is_over(admin: KeyClient) -> None:
    old = created(admin, scopes=["forecast"], tier="premium")
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
    old = created(admin)
    new = admin.post(f"/admin/keys/{old['id']}/rotate", grace_seconds=0).json()
    assert (forecast_with(admin, old["key"]), forecast_with(admin, new["key"])) == (401, 200)
    states = {key["id"]: key["state"] for key in admin.get("/admin/keys").json()["keys"]}
    assert states == {old["id"]: "expired", new["id"]: "active"}
    again = admin.post(f"/admin/keys/{old['id']}/rotate")
    assert old["id"] in admin.problem(again, Code.CONFLICT)["detail"]


@pytest.mark.parametrize("seconds", [-1, 31 * 86_400, 1.5, "60", True])
def test_a_grace_that_is_none_is_refused(admin: KeyClient, seconds: Any) -> None:
    key = created(admin)
    response = admin.post(f"/admin/keys/{key['id']}/rotate", grace_seconds=seconds)
    problem = admin.problem(response, Code.INVALID_REQUEST)
    assert [error["pointer"] for error in problem["errors"]] == ["/grace_seconds"]


def test_a_revoked_key_is_refused_and_stays_so(admin: KeyClient) -> None:
    key = created(admin)
    ended = admin.request("DELETE", f"/admin/keys/{key['id']}").json()
    assert (ended["state"], ended["id"]) == ("revoked", key["id"])
    assert "key" not in ended
    assert forecast_with(admin, key["key"]) == 401
    again = admin.request("DELETE", f"/admin/keys/{key['id']}").json()
    assert again["revoked_at"] == ended["revoked_at"]
    admin.problem(admin.post(f"/admin/keys/{key['id']}/rotate"), Code.CONFLICT)


@pytest.mark.parametrize("key", ["0123456789ab", "x" * 500, "%00", "' OR 1=1 --"])
@pytest.mark.parametrize(("method", "path"), [("DELETE", ""), ("POST", "/rotate")])
def test_a_key_that_there_is_not_is_not_found(
    admin: KeyClient, method: str, path: str, key: str
) -> None:
    response = admin.request(method, f"/admin/keys/{key}{path}", json={})
    admin.problem(response, Code.NOT_FOUND)


def test_the_key_itself_in_the_place_of_its_id_is_masked_everywhere(admin: KeyClient) -> None:
    """People paste what they have."""
    key = created(admin)
    response = admin.request("DELETE", f"/admin/keys/{key['key']}")
    problem = admin.problem(response, Code.NOT_FOUND)
    secret = parse(key["key"]).secret  # type: ignore[union-attr]
    assert secret not in problem["detail"]


def test_keys_are_listed_by_client(admin: KeyClient) -> None:
    for client in ("shop", "planner", "shop"):
        created(admin, client)
    clients = [key["client"] for key in admin.get("/admin/keys").json()["keys"]]
    assert clients == ["shop", "planner", "shop"]
    found = admin.get("/admin/keys", client="planner").json()["keys"]
    assert [key["client"] for key in found] == ["planner"]
    assert admin.get("/admin/keys", client="nobody").json() == {"keys": []}


# --- the audit log ----------------------------------------------------------------------------


def test_every_act_is_in_the_audit_log_with_who_did_it(admin: KeyClient) -> None:
    who = bearer({Scope.ADMIN}, subject="anna")
    named = {**who, "X-Request-ID": "ticket-9"}
    made = admin.request("POST", "/admin/keys", json={"client": "shop"}, headers=named).json()
    new = admin.request("POST", f"/admin/keys/{made['id']}/rotate", json={}, headers=who).json()
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
        created(admin, f"client-{number}")
    pages: list[list[int]] = []
    before: dict[str, int] = {}
    while True:
        page = admin.get("/admin/audit", limit=2, **before).json()
        pages.append([entry["id"] for entry in page["entries"]])
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    assert [number for page in pages for number in page] == [4, 3, 2, 1]
    assert len(pages) == 2, "the last is full, and says that it is the last"


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "before=0", "limit=x", "after=1"])
def test_a_page_that_there_is_not_is_refused(admin: KeyClient, query: str) -> None:
    admin.problem(admin.request("GET", f"/admin/audit?{query}"), Code.INVALID_REQUEST)


# --- when the database is away, and what a reload refuses ------------------------------------


def test_a_database_that_fails_is_told_as_such(compose: Compose, tmp_path: Path) -> None:
    """And the key of the environment, which is not in it, works on."""
    admin = compose()
    (tmp_path / "mlrf.db").write_bytes(b"no database" * 100)
    for response in (admin.get("/admin/keys"), admin.post("/admin/keys", client="shop")):
        admin.problem(response, Code.KEYS_UNAVAILABLE)
        assert int(response.headers["retry-after"]) > 0
    assert forecast_with(admin, KEY) == 200


def test_without_a_data_folder_nothing_can_be_reloaded(admin: KeyClient) -> None:
    for response in (
        admin.post("/admin/reload-features", source="today"),
        admin.get("/admin/reload-features"),
        admin.get("/admin/reload-features/20240101T000000-01234567"),
    ):
        assert "DATA_DIR" in admin.problem(response, Code.RELOAD_UNAVAILABLE)["detail"]


@pytest.mark.parametrize(
    "source",
    [
        *("../x", "..", ".", "", "/", "/etc", "a/../../x", "a//b", "today/", "~", "nothing"),
        *("today\x00", "today\\..", "file:///etc", "out"),
    ],
)
def test_a_source_outside_of_the_data_folder_is_refused(
    compose: Compose, tmp_path: Path, source: str
) -> None:
    (tmp_path / "data" / "today").mkdir(parents=True)
    (tmp_path / "data" / "out").symlink_to(tmp_path)
    admin = compose(data_dir=tmp_path / "data")
    response = admin.post("/admin/reload-features", source=source)
    problem = admin.problem(response, Code.INVALID_SOURCE)
    assert [error["pointer"] for error in problem["errors"]] == ["/source"]
    assert "'today'" in problem["detail"]
    assert admin.get("/admin/reload-features").json() == {"jobs": []}


@pytest.mark.parametrize("name", ["x", "20240101T000000-01234567", "%00"])
def test_a_job_that_there_is_not_is_not_found(compose: Compose, tmp_path: Path, name: str) -> None:
    admin = compose(data_dir=tmp_path)
    admin.problem(admin.get(f"/admin/reload-features/{name}"), Code.NOT_FOUND)
