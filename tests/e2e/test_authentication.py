"""Keys and tokens on a real server with two workers, and servers without credentials."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from config.paths import ROOT
from config.settings import Settings
from load.server import end as end_process
from load.server import free_port
from storage.artifacts import Store
from storage.keys import mint_key, parse_key
from tests.support.raw_http import send_bytes
from tests.support.servers import Server, Worker, running, workers_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
SECRET = "a-secret-that-signs-tokens-of-32-characters"
AUDIENCE = "mlrf-tests"
ADMIN = {"X-API-Key": KEY}
FORECAST = {"store_nbr": 1, "family": "LIQUOR,WINE,BEER", "horizon": 15}
UNLIMITED = '{"anonymous": {"quota": 100000, "window": 10, "burst": 100000}}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, trained: Store) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("authentication")
    settings = {
        "WORKERS": "2",
        "AUTH_MODE": "required",
        "API_KEY": KEY,
        "JWT_SECRET": SECRET,
        "JWT_AUDIENCE": AUDIENCE,
        "TIERS": UNLIMITED,
    }
    with running(folder, trained, **settings) as started:
        started.wait_for("/readyz")
        wait_until(lambda: len(workers_of(started)) == 2)
        yield started


@pytest.fixture(scope="module")
def workers(server: Server) -> list[Worker]:
    return workers_of(server)


def forecast(worker: Worker | Server, key: str) -> int:
    options = {"json": FORECAST, "headers": {"X-API-Key": key}}
    return worker.request("POST", "/predict/simple", **options).status_code


def create_key(worker: Worker, client: str, **headers: str) -> httpx.Response:
    options = {"json": {"client": client}, "headers": {**ADMIN, **headers}}
    return worker.post("/admin/keys", **options)


def token(secret: str = SECRET, **claims: Any) -> str:
    usual = {"sub": "anna", "aud": AUDIENCE, "exp": int(time.time()) + 600, "scope": "forecast"}
    return jwt.encode({**usual, **claims}, secret, algorithm="HS256")


@dataclass(frozen=True)
class Presented:
    """Credentials that were sent in wrong places; none may be written anywhere."""

    key: str
    unknown: str
    token: str


@pytest.fixture(scope="module")
def presented(server: Server, workers: list[Worker]) -> Presented:
    values = Presented(create_key(workers[0], "careless").json()["key"], mint_key().text, token())
    key = values.key
    for path in (f"/admin/keys/{key}", f"/{key}", f"/health?api_key={key}", f"/health?key={KEY}"):
        server.request("DELETE", path, headers=ADMIN)
    for headers in (
        {"X-API-Key": values.unknown},
        {"X-API-Key": key[:-1]},
        {"X-API-Key": values.token},
        {"Authorization": key},
        {"Authorization": f"Basic {key}"},
        {"X-API-Key": key, "Authorization": f"Bearer {values.token}"},
        {"User-Agent": key},
    ):
        server.request("GET", "/admin/keys", headers=headers)
    return values


# --- keys -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("presented")  # first, as refusals are written ten seconds later
def test_a_key_works_on_every_worker_immediately_and_ends_on_all_soon(
    workers: list[Worker],
) -> None:
    made = create_key(workers[0], "shop").json()
    assert [forecast(worker, made["key"]) for worker in workers] == [200, 200]

    rotated = workers[1].post(
        f"/admin/keys/{made['id']}/rotate", json={"grace_seconds": 3600}, headers=ADMIN
    )
    new = rotated.json()
    both = (made["key"], new["key"])
    assert [forecast(worker, key) for worker in workers for key in both] == [200] * 4

    ended = workers[0].request("DELETE", f"/admin/keys/{made['id']}", headers=ADMIN)
    assert ended.json()["state"] == "revoked"
    wait_until(lambda: {forecast(worker, made["key"]) for worker in workers} == {401})
    assert [forecast(worker, new["key"]) for worker in workers] == [200, 200]


def test_a_request_repeated_at_another_worker_creates_no_second_key(
    workers: list[Worker],
) -> None:
    headers = {"Idempotency-Key": "5b2f0c1e"}
    first, again = (create_key(worker, "repeater", **headers) for worker in workers)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "key": None}
    assert forecast(workers[1], first.json()["key"]) == 200
    other = create_key(workers[1], "another", **headers)
    assert (other.status_code, other.json()["code"]) == (409, "CONFLICT")


def test_a_bearer_token_has_the_rights_of_its_scopes(server: Server) -> None:
    def status(text: str, method: str, path: str, **options: Any) -> int:
        headers = {"Authorization": f"Bearer {text}"}
        return server.request(method, path, headers=headers, **options).status_code

    assert status(token(), "POST", "/predict/simple", json=FORECAST) == 200
    assert status(token(), "POST", "/explain", json=FORECAST) == 403
    assert status(token(), "GET", "/admin/keys") == 403
    assert status(token(scope="admin forecast"), "GET", "/admin/keys") == 200
    unsigned = jwt.encode({"sub": "anna", "aud": AUDIENCE, "exp": 2**33}, "", algorithm="none")
    for wrong in (
        token("another-secret-of-more-than-32-characters"),
        token(aud="another"),
        token(exp=int(time.time()) - 600),
        unsigned,
    ):
        assert status(wrong, "GET", "/health") == 401


OTHER_SPELLINGS = (
    *("//", "//docs", "//admin/keys", "/admin//keys", "/admin/keys/", "/admin/./keys"),
    *("/livez/../admin/keys", "/docs/%2e%2e/admin/keys", "/%2e/admin/keys", "/admin/keys%0A"),
    *("/admin/keys%0a", "/admin/audit%0A", "/metrics%0A", "/ADMIN/KEYS", "/admin%2Fkeys%2F"),
    *("/admin/keys%00", "/admin/keys;x", "/metrics/", "/v2/", "/infer", "/Livez", "/livez/"),
)
OF_BENTOML = ("/docs.json", "/schema.json", "/static_content/index.css", "/favicon.ico")


def test_no_spelling_of_a_path_bypasses_its_scope(server: Server) -> None:
    """Sent as raw bytes, since a client library would normalise the paths."""
    for path in (*OTHER_SPELLINGS, *OF_BENTOML):
        for method in ("GET", "POST", "HEAD", "OPTIONS"):
            assert _raw_status(server, method, path) == 401, (method, path)
    for path in OTHER_SPELLINGS:
        for method in ("GET", "POST", "HEAD", "OPTIONS"):
            status = _raw_status(server, method, path, f"Authorization: Bearer {token()}")
            assert status >= 300, (method, path)
    assert _raw_status(server, "OPTIONS", "*") == 401
    assert _raw_status(server, "GET", "*") == 400, "the target of no other method"


def _raw_status(server: Server, method: str, path: str, *headers: str) -> int:
    host = server.url.removeprefix("http://").partition(":")[0]
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    return send_bytes(server.url, ("\r\n".join(lines) + "\r\n\r\n").encode()).status


# --- without keys -----------------------------------------------------------------------------


def test_a_server_without_any_credentials_does_not_start(tmp_path: Path, trained: Store) -> None:
    with running(tmp_path, trained, AUTH_MODE="required") as server:
        assert server.process.wait(60) != 0
        log = server.log.read_text()
    assert "calls need a key, and there is none. Make one with `mlrf keys create <client>`" in log
    assert "Traceback" not in log


@contextmanager
def mlrf_serve(folder: Path, store: Store, **settings: str) -> Iterator[Server]:
    """Run `mlrf serve` with only the locations configured, until the block ends."""
    port = free_port()
    ours = {name.upper() for name in Settings.model_fields}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    own = {
        "BENTOML_HOME": str(folder / "bentoml"),
        "ARTIFACTS_DIR": str(store.root),
        "PORT": str(port),
        "DATABASE_URL": f"sqlite:///{folder}/mlrf.db",
        **settings,
    }
    log = folder / "server.log"
    command = [str(Path(sys.executable).with_name("mlrf")), "serve"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**inherited, **own}, stdout=output, stderr=output
        )
    try:
        yield Server(process, f"http://127.0.0.1:{port}", log)
    finally:
        end_process(process)


def test_by_default_it_serves_only_its_own_machine_without_a_key_and_logs_that(
    tmp_path: Path, trained: Store
) -> None:
    with mlrf_serve(tmp_path, trained) as server:
        server.wait_for("/health")
        assert "Without authentication" in server.log.read_text()
        port = server.url.rpartition(":")[2]
        for headers in ({}, {"Host": f"localhost:{port}"}, {"Host": f"[::1]:{port}"}):
            response = server.request("GET", "/admin/keys", headers=headers)
            assert response.status_code == 200, headers
        for headers in (
            {"Host": "shop.example"},
            {"Host": f"127.0.0.1.shop.example:{port}"},
            {"Host": "192.0.2.1"},
            {"X-Forwarded-For": "127.0.0.1"},
            {"X-Forwarded-Host": "localhost"},
            {"Forwarded": "for=127.0.0.1"},
            {"Origin": "https://shop.example"},
        ):
            refused = server.request("GET", "/admin/keys", headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (401, "AUTH_REQUIRED"), headers
            assert "AUTH_MODE" in refused.json()["detail"]


def test_a_configured_key_is_required_on_the_own_machine_too(
    tmp_path: Path, trained: Store
) -> None:
    with mlrf_serve(tmp_path, trained, API_KEY=KEY) as server:
        server.wait_for("/readyz")
        assert "Without authentication" not in server.log.read_text()
        assert server.get("/health").status_code == 401
        assert server.request("GET", "/health", headers=ADMIN).status_code == 200


# --- audit log and log ------------------------------------------------------------------------

REFUSED = ("unknown_key", "no_key", "key_in_query", "misplaced_token", "wrong_scheme", "ambiguous")


def test_refusals_are_in_the_audit_log(server: Server, presented: Presented) -> None:
    expected = {f"refused.{reason}" for reason in (*REFUSED, "missing")}

    def entries() -> dict[str, dict[str, Any]]:
        page = server.request("GET", "/admin/audit?limit=1000", headers=ADMIN).json()["entries"]
        return {entry["action"]: entry for entry in page}

    wait_until(lambda: expected <= entries().keys())
    unknown = parse_key(presented.unknown)
    assert unknown is not None
    entry = entries()["refused.unknown_key"]
    assert (entry["subject"], entry["address"]) == (unknown.public_id, "127.0.0.1")
    assert entry["detail"].startswith("GET /admin/keys")


def test_presented_credentials_are_written_nowhere(server: Server, presented: Presented) -> None:
    """Neither in the log, nor in the database, nor in the audit log."""
    key, unknown = parse_key(presented.key), parse_key(presented.unknown)
    assert key is not None
    assert unknown is not None
    audit = server.request("GET", "/admin/audit?limit=1000", headers=ADMIN).text
    log = server.log.read_text()
    database = b"".join(path.read_bytes() for path in server.log.parent.glob("mlrf.db*"))
    secrets = (key.secret, key.secret[:20], unknown.secret, KEY, SECRET, presented.token)
    for secret in secrets:
        assert secret not in audit
        assert secret not in log
        assert secret.encode() not in database
    assert f"mlrf_{key.public_id}_***" in log
