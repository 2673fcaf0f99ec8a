"""Jobs over the contract: reloads, trainings, uploads, and a runner that executes them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from errors import Code
from storage.artifacts import Store
from tests.contract.administered import Compose
from tests.contract.administered import admin as admin  # a fixture
from tests.contract.administered import compose as compose  # a fixture
from tests.contract.composed import KeyClient
from tests.support.jobs import JOB_SECONDS, running_runner
from tests.support.shops import LAST, write_shops
from tests.support.waiting import wait_until

JSON = "application/json"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with one source of the operator's."""
    return write_shops(tmp_path / "data" / "today").parent


@pytest.fixture
def server(compose: Compose, data: Path) -> KeyClient:
    """A server without a runner."""
    return compose(data_dir=data)


@pytest.fixture
def served(compose: Compose, data: Path, tmp_path: Path, own_store: Store) -> Iterator[KeyClient]:
    """A server with a runner that is at work."""
    url = f"sqlite:///{tmp_path}/mlrf.db"
    server = compose(data_dir=data, artifacts_dir=own_store.root)
    with running_runner(url, own_store, data, tmp_path / "runner.log"):
        wait_until(lambda: server.get("/admin/jobs").json()["runner"])
        yield server


def finish(server: KeyClient, job: dict[str, Any]) -> dict[str, Any]:
    """Wait for the end of a job, and return it."""

    def read() -> dict[str, Any]:
        document: dict[str, Any] = server.get(f"/admin/jobs/{job['id']}").json()
        return document

    wait_until(lambda: read()["state"] not in ("queued", "running"), JOB_SECONDS)
    return read()


def send(server: KeyClient, path: str, content: bytes, **headers: str) -> Any:
    return server.request("PUT", path, content=content, headers=headers)


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/admin/reload-features", Code.RELOAD_UNAVAILABLE),
        ("GET", "/admin/reload-features", Code.RELOAD_UNAVAILABLE),
        ("GET", "/admin/reload-features/0123456789abcdef", Code.RELOAD_UNAVAILABLE),
        ("POST", "/admin/training", Code.JOBS_UNAVAILABLE),
        ("GET", "/admin/data", Code.UPLOADS_UNAVAILABLE),
        ("PUT", "/admin/data/today/train.csv", Code.UPLOADS_UNAVAILABLE),
        ("POST", "/admin/data/today", Code.UPLOADS_UNAVAILABLE),
        ("DELETE", "/admin/data/today", Code.UPLOADS_UNAVAILABLE),
    ],
)
def test_without_a_data_folder_no_tables_are_read(
    admin: KeyClient, method: str, path: str, code: Code
) -> None:
    body = {"source": "today"} if path.endswith("features") else {}
    options = {} if method in ("GET", "DELETE") else {"json": body}
    assert "DATA_DIR" in admin.problem(admin.request(method, path, **options), code)["detail"]
    assert admin.get("/admin/jobs").json()["reads_tables"] is False


@pytest.mark.parametrize(
    "source",
    [
        *("../x", "..", ".", "", "/", "/etc", "a/../../x", "a//b", "today/", "~", "nothing"),
        *("today\x00", "today\\..", "file:///etc", "out"),
    ],
)
@pytest.mark.parametrize(
    ("path", "field"), [("/admin/reload-features", "source"), ("/admin/training", "data")]
)
def test_a_source_outside_of_the_data_folder_is_refused(
    server: KeyClient, data: Path, path: str, field: str, source: str
) -> None:
    (data / "out").symlink_to(data.parent)
    problem = server.problem(server.post(path, **{field: source}), Code.INVALID_SOURCE)
    assert [error["pointer"] for error in problem["errors"]] == [f"/{field}"]
    assert "'today'" in problem["detail"]
    assert server.get("/admin/jobs").json() == {"jobs": [], "runner": None, "reads_tables": True}
    assert server.get("/admin/reload-features").json() == {"jobs": []}


@pytest.mark.parametrize("name", ["x", "20240101T000000-01234567", "%00", "%2e%2e"])
@pytest.mark.parametrize("path", ["reload-features/{}", "jobs/{}", "jobs/{}/log", "jobs/{}/cancel"])
def test_an_unknown_job_is_not_found(server: KeyClient, path: str, name: str) -> None:
    method = "POST" if path.endswith("cancel") else "GET"
    server.problem(server.request(method, f"/admin/{path.format(name)}"), Code.NOT_FOUND)


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/admin/reload-features", {"source": "today"}, Code.RELOAD_UNAVAILABLE),
        ("/admin/training", {"data": "today"}, Code.JOBS_UNAVAILABLE),
    ],
)
def test_a_job_that_no_runner_would_execute_is_refused(
    server: KeyClient, path: str, body: dict[str, Any], code: Code
) -> None:
    response = server.post(path, **body)
    assert "`mlrf work`" in server.problem(response, code)["detail"]
    assert int(response.headers["retry-after"]) > 0


# --- jobs -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_training_can_be_checked_without_training(served: KeyClient, own_store: Store) -> None:
    before = {path.name for path in own_store.bundles.iterdir()}
    started = served.post("/admin/training", data="today", dry_run=True)
    assert started.status_code == 202
    assert started.headers["location"] == f"/admin/jobs/{started.json()['id']}"
    job = finish(served, started.json())
    assert (job["kind"], job["subject"], job["state"]) == ("training-check", "today", "succeeded")
    tables = job["result"]["tables"]
    assert (tables["usable"], tables["errors"]) == (True, [])
    assert (tables["series"], tables["origin"]) == (12, LAST.isoformat())
    assert {"topic": "step", "text": "day"} in [
        {**topic, "text": topic["text"][:3]} for topic in tables["understood"]
    ]
    assert tables["seconds"] is None, "the model that serves has another recipe"
    assert {path.name for path in own_store.bundles.iterdir()} == before
    assert job["by"] == served.get("/admin/audit").json()["entries"][0]["actor"]


@pytest.mark.slow
def test_a_repeated_request_starts_no_second_job(served: KeyClient) -> None:
    """An Idempotency-Key names one request of one caller."""
    headers = {"Idempotency-Key": "once"}
    body = {"source": "today"}
    first, second = (
        served.request("POST", "/admin/reload-features", json=body, headers=headers)
        for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["id"] == second.json()["id"]
    other = {"source": "today", "force": True}
    served.problem(
        served.request("POST", "/admin/reload-features", json=other, headers=headers),
        Code.CONFLICT,
    )
    job = finish(served, first.json())
    assert job["state"] == "failed", "the tables are of another retailer"
    assert [each["id"] for each in served.get("/admin/jobs").json()["jobs"]] == [job["id"]]
    entries = served.get("/admin/audit").json()["entries"]
    assert [(each["action"], each["detail"]) for each in entries] == [("reload.start", "today")]
    assert (
        served.get(f"/admin/jobs/{job['id']}/log").headers["content-type"].startswith("text/plain")
    )
    served.problem(served.post(f"/admin/jobs/{job['id']}/cancel"), Code.CONFLICT)


# --- uploads ----------------------------------------------------------------------------------


def test_a_file_can_be_sent_again_and_is_no_source_before_the_check(
    server: KeyClient, data: Path
) -> None:
    for content in (b"date,sales\n", b"date,store_nbr\n1,2\n"):
        answer = send(server, "/admin/data/june/train.csv", content)
        assert answer.status_code == 200, answer.text
        assert answer.json()["bytes"] == len(content)
    listed = server.get("/admin/data").json()
    assert [each["name"] for each in listed["sources"]] == ["today"]
    assert [each["name"] for each in listed["uploads"]] == ["june"]
    assert (data / ".uploads" / "june" / "train.csv").read_bytes() == content
    server.problem(server.post("/admin/reload-features", source="june"), Code.INVALID_SOURCE)
    entry = server.get("/admin/audit").json()["entries"][0]
    assert (entry["action"], entry["subject"], entry["detail"]) == (
        "upload.file",
        "june",
        "train.csv",
    )


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("june/..", id="up"),
        pytest.param("%2e%2e/train.csv", id="a source above"),
        pytest.param(".june/train.csv", id="a hidden source"),
        pytest.param("june/.train.csv", id="a hidden file"),
        pytest.param("june/train.exe", id="no table"),
        pytest.param("june/train", id="no suffix"),
        pytest.param("june/a%5cb.csv", id="a backslash"),
        pytest.param("june%00/train.csv", id="NUL"),
        pytest.param("j" * 101 + "/train.csv", id="a long source"),
        pytest.param("june/" + "t" * 65 + ".csv", id="a long file"),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(server: KeyClient, data: Path, path: str) -> None:
    response = send(server, f"/admin/data/{path}", b"x")
    assert response.status_code in (400, 404, 405), response.text
    assert not (data / ".uploads").exists()
    assert sorted(path.name for path in data.iterdir()) == ["today"]


def test_an_upload_that_is_too_large_leaves_nothing(compose: Compose, data: Path) -> None:
    """The bound is of all files of a source together, and of what was sent in chunks too."""
    server = compose(data_dir=data, max_upload_bytes=1000)
    rules = server.get("/admin/data").json()["rules"]
    assert rules["max_bytes"] == 1000
    assert re.fullmatch(rules["name"], "june")
    assert re.fullmatch(rules["file"], "train.csv")
    path = "/admin/data/june/train.csv"
    server.problem(send(server, path, b"x" * 1001), Code.PAYLOAD_TOO_LARGE)
    assert send(server, path, b"x" * 600).status_code == 200
    server.problem(send(server, "/admin/data/june/oil.csv", b"x" * 600), Code.PAYLOAD_TOO_LARGE)
    folder = data / ".uploads" / "june"
    assert [(file.name, file.stat().st_size) for file in folder.iterdir()] == [("train.csv", 600)]
    assert send(server, path, b"x" * 1000).status_code == 200, "a file replaces one of its name"


def test_a_full_volume_is_reported_and_nothing_is_kept(
    server: KeyClient, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(data)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=0))
    response = send(server, "/admin/data/june/train.csv", b"x" * 100)
    server.problem(response, Code.STORAGE_FULL)
    assert response.headers["connection"] == "close"
    assert not (data / ".uploads" / "june").exists()


def test_an_existing_source_is_not_replaced(server: KeyClient, data: Path) -> None:
    server.problem(send(server, "/admin/data/today/train.csv", b"x"), Code.CONFLICT)
    server.problem(server.post("/admin/data/today"), Code.CONFLICT)
    server.problem(server.post("/admin/data/june"), Code.NOT_FOUND)


def test_only_what_was_uploaded_can_be_deleted(server: KeyClient, data: Path) -> None:
    problem = server.problem(server.request("DELETE", "/admin/data/today"), Code.NOT_FOUND)
    assert "its operator removes it" in problem["detail"]
    assert (data / "today").is_dir()
    send(server, "/admin/data/june/train.csv", b"x")
    left = server.request("DELETE", "/admin/data/june").json()
    assert (left["uploads"], [each["name"] for each in left["sources"]]) == ([], ["today"])
    assert list((data / ".uploads").iterdir()) == []


@pytest.mark.slow
def test_right_tables_become_a_source_and_wrong_ones_are_reported_whole(
    served: KeyClient, data: Path
) -> None:
    tables = sorted((data / "today").iterdir())
    for table in tables:
        send(served, f"/admin/data/june/{table.name}", table.read_bytes())
    sales = (data / "today" / "sales.csv").read_text().splitlines()
    wrong = [sales[0], sales[1].replace(sales[1].split(",")[0], "yesterday"), *sales[2:]]
    wrong[5] = ",".join([*wrong[5].split(",")[:3], "many", *wrong[5].split(",")[4:]])
    send(served, "/admin/data/june/sales.csv", "\n".join(wrong).encode())
    job = finish(served, served.post("/admin/data/june").json())
    assert (job["kind"], job["state"]) == ("upload", "succeeded")
    tables_answer = job["result"]["tables"]
    assert (tables_answer["usable"], tables_answer["published"]) == (False, False)
    places = {
        (each["file"], each["row"], each["value"])
        for kind in tables_answer["errors"]
        for each in kind["findings"]
    }
    assert {("sales.csv", 2, "yesterday"), ("sales.csv", 6, "many")} <= places
    assert not (data / "june").exists()

    send(served, "/admin/data/june/sales.csv", "\n".join(sales).encode())
    checked = finish(served, served.post("/admin/data/june", dry_run=True).json())
    assert checked["result"]["tables"]["usable"]
    assert not (data / "june").exists(), "it was only checked"

    job = finish(served, served.post("/admin/data/june").json())
    assert job["result"]["tables"]["published"]
    listed = served.get("/admin/data").json()
    june = next(each for each in listed["sources"] if each["name"] == "june")
    assert june["by"] == job["by"]
    assert [file["name"] for file in june["files"]] == [table.name for table in tables]
    assert listed["uploads"] == []
    left = served.request("DELETE", "/admin/data/june").json()
    assert [each["name"] for each in left["sources"]] == ["today"]
