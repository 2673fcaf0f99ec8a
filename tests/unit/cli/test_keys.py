"""`mlrf keys` and `mlrf migrate`: a new key is the only output; an error is one line."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from cli.main import UNAVAILABLE
from config.paths import ROOT
from config.settings import get_settings
from storage.audit import Actor, AuditLog
from storage.database import open_database
from storage.key_store import KeyStore
from storage.keys import PresentedKey, Scope, parse_key
from tests.support.command import CommandResult, Run

USUAL = frozenset({Scope.FORECAST, Scope.EXPLAIN, Scope.WHATIF, Scope.BATCH})


def key_of(done: CommandResult) -> PresentedKey:
    """Return the key that makes up standard output."""
    assert done.status == 0, done.err
    presented = parse_key(done.out.removesuffix("\n"))
    assert presented is not None
    return presented


@pytest.fixture(autouse=True)
def url(own_settings: dict[str, object]) -> str:
    """The URL of the database of the settings."""
    return str(own_settings["DATABASE_URL"])


@pytest.fixture
def store(url: str) -> KeyStore:
    """Return the key store that a server would open."""
    return KeyStore(open_database(url))


# --- create -----------------------------------------------------------------------------------


def test_create_prints_only_the_key(run: Run, store: KeyStore) -> None:
    done = run("keys", "create", "shop")
    key = store.find(key_of(done).public_id)
    assert key is not None
    assert key.matches(key_of(done).secret)
    assert (key.client, key.scopes, key.tier, key.expires_at) == ("shop", USUAL, "standard", None)
    assert key.id in done.err
    assert "shown this once" in done.err
    assert key_of(done).secret not in done.err


def test_create_takes_scopes_tier_and_expiry(run: Run, store: KeyStore) -> None:
    tier = sorted(get_settings().tiers)[-1]
    before = datetime.now(UTC).replace(microsecond=0)
    done = run(
        *("keys", "create", "ops", "--scope", "monitor", "--scope", "admin"),
        *("--tier", tier, "--expires", "90d"),
    )
    key = store.find(key_of(done).public_id)
    assert key is not None
    assert (key.scopes, key.tier) == (frozenset({Scope.MONITOR, Scope.ADMIN}), tier)
    assert key.expires_at is not None
    assert timedelta(0) <= key.expires_at - before - timedelta(days=90) < timedelta(minutes=1)


def test_an_unknown_tier_is_refused_with_the_known_ones(run: Run, store: KeyStore) -> None:
    line = run("keys", "create", "shop", "--tier", "gold").error_line
    assert line == f"mlrf: tier 'gold': one of {', '.join(get_settings().tiers)} is expected"


def test_a_third_key_is_refused_with_the_ids_of_the_two(run: Run) -> None:
    ids = [key_of(run("keys", "create", "shop")).public_id for _ in range(2)]
    line = run("keys", "create", "shop").error_line
    assert line.startswith("mlrf: client shop has the active keys ")
    assert all(public_id in line for public_id in ids)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--scope", "everything"), id="scope"),
        pytest.param(("--expires", "soon"), id="no time"),
        pytest.param(("--expires", "90"), id="no unit"),
        pytest.param(("--expires", "-1d"), id="a time before now"),
        pytest.param(("--expires", "5215w"), id="more than a hundred years"),
        pytest.param(("--expires", "9" * 30 + "d"), id="more than a time can be"),
    ],
)
def test_a_wrong_option_is_a_usage_error(run: Run, arguments: tuple[str, ...]) -> None:
    done = run("keys", "create", "shop", *arguments)
    assert (done.status, done.out) == (2, "")
    assert arguments[1] in done.err


def test_a_key_that_expires_immediately_is_refused(run: Run) -> None:
    assert (
        "a time after now is expected"
        in run("keys", "create", "shop", "--expires", "0s").error_line
    )


# --- list -------------------------------------------------------------------------------------


@pytest.fixture
def three(run: Run) -> dict[str, PresentedKey]:
    """Create an active, a rotated and a revoked key, each with its client's name."""
    made = {
        client: key_of(run("keys", "create", client)) for client in ("active", "old", "revoked")
    }
    made["new"] = key_of(run("keys", "rotate", made["old"].public_id, "--grace", "0s"))
    run("keys", "revoke", made["revoked"].public_id)
    return made


def test_list_shows_every_key_and_no_secret(run: Run, three: dict[str, PresentedKey]) -> None:
    done = run("keys", "list")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.out.splitlines()]
    states = {row[0]: row[2] for row in rows if row}
    assert states == {
        three["active"].public_id: "active",
        three["old"].public_id: "expired",
        three["new"].public_id: "active",
        three["revoked"].public_id: "revoked",
    }
    assert not any(key.secret in done.out for key in three.values())


def test_list_as_json_can_be_read_by_a_program(
    run: Run, three: dict[str, PresentedKey], store: KeyStore
) -> None:
    (document,) = json.loads(run("keys", "list", "--client", "revoked", "--json").out)
    key = store.find(three["revoked"].public_id)
    assert key is not None
    assert key.revoked_at is not None
    assert document == {
        "id": key.id,
        "client": "revoked",
        "state": "revoked",
        "scopes": ["batch", "explain", "forecast", "whatif"],
        "unknown_scopes": [],
        "tier": "standard",
        "created_at": key.created_at.isoformat(timespec="seconds"),
        "expires_at": None,
        "revoked_at": key.revoked_at.isoformat(timespec="seconds"),
        "last_used_at": None,
    }


def test_list_marks_a_scope_that_this_release_does_not_know(run: Run, url: str) -> None:
    run("keys", "create", "newer", "--scope", "forecast")
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        database.execute("update api_keys set scopes = 'forecast reports'")
    assert "reports(unknown)" in run("keys", "list").out
    (document,) = json.loads(run("keys", "list", "--json").out)
    assert (document["scopes"], document["unknown_scopes"]) == (["forecast"], ["reports"])


def test_list_of_an_unknown_client_is_empty(run: Run) -> None:
    assert json.loads(run("keys", "list", "--client", "nobody", "--json").out) == []


@pytest.mark.parametrize("width", ["20", "80", "300"])
def test_list_shows_full_ids_and_clients_at_any_width(
    run: Run, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    client = "a-client:smile:with-a-long-name@" + "x" * 60
    public_id = key_of(run("keys", "create", client)).public_id
    monkeypatch.setenv("COLUMNS", width)
    out = run("keys", "list").out
    assert public_id in out
    assert client in out
    assert "…" not in out


@pytest.mark.parametrize("command", ["create", "rotate"])
def test_a_new_key_as_json_has_the_key_and_its_id(run: Run, store: KeyStore, command: str) -> None:
    subject = "shop" if command == "create" else key_of(run("keys", "create", "shop")).public_id
    document = json.loads(run("keys", command, subject, "--json").out)
    presented = parse_key(document["key"])
    assert presented is not None
    key = store.find(document["id"])
    assert key is not None
    assert key.matches(presented.secret)
    assert (document["client"], document["state"]) == ("shop", "active")


def test_a_revoked_key_as_json_says_when(run: Run) -> None:
    public_id = key_of(run("keys", "create", "shop")).public_id
    document = json.loads(run("keys", "revoke", public_id, "--json").out)
    assert (document["id"], document["state"]) == (public_id, "revoked")
    assert document["revoked_at"] is not None


# --- rotate, revoke ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "grace"),
    [((), timedelta(hours=24)), (("--grace", "30m"), timedelta(minutes=30))],
    ids=["default", "given"],
)
def test_rotate_prints_only_the_new_key_and_ends_the_old_one(
    run: Run, store: KeyStore, option: tuple[str, ...], grace: timedelta
) -> None:
    old_id = key_of(run("keys", "create", "shop")).public_id
    done = run("keys", "rotate", old_id, *option)
    old, new = store.find(old_id), store.find(key_of(done).public_id)
    assert old is not None
    assert new is not None
    assert old.expires_at == new.created_at + grace
    assert f"Key {old_id} expires {old.expires_at.isoformat(timespec='seconds')}." in done.err


def test_revoke_ends_a_key(run: Run, store: KeyStore) -> None:
    public_id = key_of(run("keys", "create", "shop")).public_id
    done = run("keys", "revoke", public_id)
    assert (done.status, done.out) == (0, "")
    key = store.find(public_id)
    assert key is not None
    assert key.revoked_at is not None


@pytest.mark.parametrize("act", ["rotate", "revoke"])
def test_an_unknown_key_is_reported(run: Run, act: str) -> None:
    assert run("keys", act, "nothing").error_line == "mlrf: there is no key 'nothing'"


def test_actions_are_logged_with_the_user_of_the_machine(
    run: Run, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    monkeypatch.setattr("socket.gethostname", lambda: "till-7")
    run("keys", "create", "shop")
    (entry,) = AuditLog(open_database(url)).latest(5)
    assert (entry.event.actor, entry.event.address) == ("cli:ann", "till-7")


# --- the database -----------------------------------------------------------------------------


def test_migrate_creates_a_database_and_is_idempotent(run: Run, store: KeyStore) -> None:
    assert run("migrate").status == 0
    key = store.create("shop", USUAL, "standard", by=Actor("ann")).record
    done = run("migrate")
    assert (done.status, done.out, done.err) == (0, "", "The database is up to date.\n")
    assert store.list() == (key,)


def test_a_newer_database_is_refused_in_one_line(run: Run, url: str) -> None:
    run("migrate")
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("update alembic_version set version_num = 'tomorrow'")
    assert "a newer release has been at work in it" in run("keys", "list").error_line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "postgresql://ann:hunter2@127.0.0.1:1/keys",
            "mlrf: DATABASE_URL: the PostgreSQL database keys on 127.0.0.1 cannot be used: ",
            id="unreachable",
        ),
        pytest.param(
            "mysql://ann:hunter2@host/keys",
            "mlrf: DATABASE_URL: the database URL is of 'mysql'; ",
            id="kind",
        ),
    ],
)
def test_an_unusable_database_is_reported_without_its_password(
    run: Run, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", text)
    get_settings.cache_clear()
    done = run("migrate")
    assert done.error_line.startswith(message)
    assert done.status == UNAVAILABLE
    assert "hunter2" not in done.err


def test_other_commands_load_no_database_library() -> None:
    """Help and training must not pay for its import."""
    script = """
import sys
for name in ("sqlalchemy", "alembic", "psycopg"):
    sys.modules[name] = None
from cli import main as command
command.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script, "keys", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "rotate" in done.stdout
