"""Exports over the contract: asked for, written by a runner, downloaded by a signed link."""

from __future__ import annotations

import csv
import hashlib
import io
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from api.exports.operations import MAX_UNFINISHED
from errors import Code
from features.data.snapshot import Snapshot
from lifecycle.job_queue import JobQueue
from lifecycle.jobs import JobKind
from middleware.headers import ARROW, CSV, PARQUET
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.artifacts import Store
from storage.audit import Actor
from storage.database import open_database
from storage.exports import ExportState, ExportStore, StoredExport
from storage.remote import RemoteFolder
from tests.contract.administered import Compose
from tests.contract.administered import admin as admin  # a fixture
from tests.contract.administered import compose as compose  # a fixture
from tests.contract.composed import KeyClient, bearer, compose_application
from tests.contract.conftest import FixedServing, LocalRunners
from tests.integration.conftest import bucket as bucket  # a fixture
from tests.integration.conftest import s3 as s3  # a fixture
from tests.support.jobs import JOB_SECONDS, running_runner
from tests.support.waiting import wait_until

NOW = datetime.now(UTC)
NODES = ["total", "store:1", "store:1/family:DAIRY"]
SCOPES = {"batch", "forecast"}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/mlrf.db"


@pytest.fixture
def expecting(compose: Compose, url: str, own_store: Store) -> KeyClient:
    """A server whose queue expects a runner, which never comes."""
    server = compose(artifacts_dir=own_store.root)
    queue = JobQueue(url)
    with running_runner(url, own_store, own_store.root, own_store.root / "runner.log"):
        wait_until(lambda: queue.runner() is not None)
    queue.close()
    return server


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, module_store: Store, serving_release: LoadedRelease
) -> Iterator[KeyClient]:
    """A server with a runner that is at work; its tests share it, each with exports of its own."""
    folder = tmp_path_factory.mktemp("served")
    runners = LocalRunners(serving_release.engine)
    serving = FixedServing(Forecaster(serving_release, runners, runners))
    app = compose_application(
        folder, module_store, serving_release, serving, artifacts_dir=module_store.root
    )
    url = f"sqlite:///{folder}/mlrf.db"
    queue = JobQueue(url)
    with running_runner(url, module_store, folder, folder / "runner.log"):
        wait_until(lambda: queue.runner() is not None)
        yield KeyClient(app)
    queue.close()


@pytest.fixture
def ended(url: str, own_store: Store, compose: Compose) -> Callable[..., StoredExport]:
    """Record exports that have ended, with a file of ten bytes."""
    compose(artifacts_dir=own_store.root)  # makes the tables
    database = open_database(url)

    def ended(name: str = "0123456789abcdef", **others: Any) -> StoredExport:
        values: dict[str, Any] = {
            "caller": "jwt:anna",
            "state": ExportState.SUCCEEDED,
            "request": '{"format": "csv"}',
            "bundle": "b",
            "snapshot": "2024-06-30-0123456789abcdef",
            "queued_at": NOW,
            "started_at": NOW,
            "finished_at": NOW,
            "expires_at": NOW + timedelta(days=7),
            "rows": 1,
            "bytes": 10,
            "sha256": hashlib.sha256(b"0123456789").hexdigest(),
            **others,
        }
        export = StoredExport(id=name, **values)
        folder = own_store.root / "exports"
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"0123456789")
        assert ExportStore(database).add(export)
        return export

    return ended


@pytest.fixture
def server(compose: Compose, own_store: Store) -> KeyClient:
    """A server without a runner, which sends the files of exports."""
    return compose(artifacts_dir=own_store.root)


def caller(name: str) -> dict[str, str]:
    """Return the headers of a caller, with a token that is new: on a busy machine one expires."""
    return bearer(SCOPES, subject=name)


def start(server: KeyClient, headers: dict[str, str] | None = None, **document: Any) -> Any:
    return server.request("POST", "/exports", json=document, headers=headers or {})


def finish(server: KeyClient, response: httpx.Response) -> dict[str, Any]:
    """Wait for the end of an export that was accepted, and return it."""
    assert response.status_code == 202, response.text

    def read() -> dict[str, Any]:
        document: dict[str, Any] = server.get(response.headers["location"]).json()
        return document

    wait_until(lambda: read()["state"] not in ("queued", "running"), JOB_SECONDS)
    return read()


def download(server: KeyClient, export: dict[str, Any], **headers: str) -> httpx.Response:
    """Follow the link of an export, without a key."""
    assert export["download"], export
    return KeyClient.__base__.request(  # type: ignore[union-attr,no-any-return]
        server, "GET", export["download"], headers=headers
    )


def rows_of_forecast(server: KeyClient, node: str, **fields: Any) -> list[list[str]]:
    """Return the rows of `/forecast` as CSV, its header first."""
    options = {"json": {"node": node, "horizon": 5, **fields}, "headers": {"accept": CSV}}
    response = server.request("POST", "/forecast", **options)
    assert response.status_code == 200, response.text
    return list(csv.reader(io.StringIO(response.text)))


# --- what is written --------------------------------------------------------------------------


def test_a_file_has_cell_by_cell_what_the_forecast_of_each_node_answers(
    served: KeyClient, snapshot: Snapshot
) -> None:
    fields = {"horizon": 5, "intervals": [80], "quantiles": [0.1, 0.9]}
    export = finish(served, start(served, **fields))
    assert (export["state"], export["progress"]) == ("succeeded", None)
    response = download(served, export)
    assert response.headers["content-type"].startswith(CSV)
    header, *rows = csv.reader(io.StringIO(response.text))
    assert len(rows) == export["rows"] == len(snapshot.hierarchy) * 5
    by_node = {row[0]: rows[at : at + 5] for at, row in enumerate(rows) if at % 5 == 0}
    assert list(by_node) == [node.id for node in snapshot.hierarchy.nodes]
    for node, written in by_node.items():
        assert [header, *written] == rows_of_forecast(served, node, **fields)
    assert hashlib.sha256(response.content).hexdigest() == export["sha256"]
    assert len(response.content) == export["bytes"]


@pytest.mark.parametrize(
    ("form", "media_type", "read"),
    [("parquet", PARQUET, pl.read_parquet), ("arrow", ARROW, pl.read_ipc_stream)],
    ids=["parquet", "arrow"],
)
def test_a_file_with_types_has_the_rows_of_the_csv(
    served: KeyClient, form: str, media_type: str, read: Callable[..., pl.DataFrame]
) -> None:
    fields = {"nodes": NODES, "horizon": 5}
    other = finish(served, start(served, **fields))
    export = finish(served, start(served, **fields, format=form))
    response = download(served, export)
    assert response.headers["content-type"] == media_type
    frame = read(io.BytesIO(response.content))
    text = io.BytesIO(download(served, other).content)
    assert frame.equals(pl.read_csv(text, schema=frame.schema, null_values=[""]))
    assert frame["node"].unique(maintain_order=True).to_list() == NODES


def test_overrides_are_written_where_they_are_asked_for(
    served: KeyClient, snapshot: Snapshot
) -> None:
    first = snapshot.facts.origin + timedelta(2)
    override = {"node": NODES[2], "from": str(first), "to": str(first), "op": "multiply"}
    document = {**override, "value": 2.0, "reason": "event"}
    made = served.request("POST", "/overrides", json=document)
    assert made.status_code == 201, made.text
    adjusted = finish(served, start(served, nodes=NODES, horizon=5, adjusted=True))
    text = download(served, adjusted).text
    for node in NODES:
        header, *rows = rows_of_forecast(served, node, adjusted=True)
        assert ",".join(header) in text
        assert all(",".join(row[-8:]) in text for row in rows)
    table = pl.read_csv(io.StringIO(text))
    changed = table.filter(pl.col("prediction") != pl.col("statistical"))
    assert changed["date"].unique().to_list() == [str(first)]
    assert set(changed["node"]) == set(NODES)


# --- requests ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "code", "detail"),
    [
        ({"nodes": ["store:77"]}, Code.INVALID_NODE, "/nodes/0"),
        ({"levels": ["shop"]}, Code.INVALID_REQUEST, "There is no level 'shop'"),
        ({"levels": ["store"], "nodes": ["total"]}, Code.INVALID_REQUEST, "not both"),
        ({"nodes": []}, Code.INVALID_NODE, "/nodes"),
        ({"date": "2024-06-20"}, Code.INVALID_DATE, "/predict/batch forecast days of the past"),
        ({"date": "2030-01-01"}, Code.INVALID_DATE, "may begin from"),
        ({"horizon": 91}, Code.INVALID_HORIZON, "at most 90"),
        ({"format": "xlsx"}, Code.INVALID_REQUEST, "/format"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_written_is_refused_at_once(
    server: KeyClient, document: dict[str, Any], code: Code, detail: str
) -> None:
    assert detail in str(server.problem(start(server, **document), code))


def test_without_a_runner_no_export_is_accepted(server: KeyClient) -> None:
    problem = server.problem(start(server), Code.EXPORTS_UNAVAILABLE)
    assert "mlrf work" in problem["detail"]


def test_a_repeated_request_makes_no_second_export(expecting: KeyClient) -> None:
    key = {"Idempotency-Key": "night-7"}
    first, second = start(expecting, key, horizon=3), start(expecting, key, horizon=3)
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.headers["location"] == second.headers["location"]
    expecting.problem(start(expecting, key, horizon=4), Code.CONFLICT)
    assert len(expecting.get("/exports").json()["exports"]) == 1


def test_a_repeated_request_is_answered_with_the_export_that_has_ended(
    served: KeyClient,
) -> None:
    key = {"Idempotency-Key": "night-8"}
    export = finish(served, start(served, key, nodes=["total"], horizon=3))
    repeated = start(served, key, nodes=["total"], horizon=3)
    assert (repeated.status_code, repeated.json()["sha256"]) == (200, export["sha256"])
    served.problem(start(served, key, horizon=4), Code.CONFLICT)
    served.request("DELETE", f"/exports/{export['id']}")
    served.problem(start(served, key, nodes=["total"], horizon=3), Code.CONFLICT)


def test_a_caller_has_two_exports_at_a_time(expecting: KeyClient) -> None:
    for _ in range(MAX_UNFINISHED):
        assert start(expecting, caller("anna")).status_code == 202
    problem = expecting.problem(start(expecting, caller("anna")), Code.CONFLICT)
    assert "2 of your exports have not ended" in problem["detail"]
    waiting = expecting.request("GET", "/exports", headers=caller("anna")).json()["exports"]
    left = expecting.request(
        "DELETE", f"/exports/{waiting[0]['id']}", headers=caller("anna")
    ).json()
    assert [each["state"] for each in left["exports"]] == ["cancelled", "queued"]
    assert start(expecting, caller("anna")).status_code == 202
    assert start(expecting, caller("ben")).status_code == 202


def test_exports_that_wait_keep_no_other_job_out(
    expecting: KeyClient, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr("lifecycle.job_queue.MAX_WAITING", 1)
    assert start(expecting).status_code == 202
    assert "1 jobs wait already" in expecting.problem(start(expecting), Code.CONFLICT)["detail"]
    queue = JobQueue(url)
    queue.add(JobKind.SCORING, {"snapshot": "x"}, by=Actor("anna"))
    queue.close()


# --- whose exports ----------------------------------------------------------------------------


def test_a_caller_sees_its_own_exports_only(
    server: KeyClient, ended: Callable[..., StoredExport]
) -> None:
    ended()
    assert len(server.request("GET", "/exports", headers=caller("anna")).json()["exports"]) == 1
    assert server.request("GET", "/exports", headers=caller("ben")).json() == {"exports": []}
    for method in ("GET", "DELETE"):
        response = server.request(method, "/exports/0123456789abcdef", headers=caller("ben"))
        server.problem(response, Code.NOT_FOUND)
    server.problem(server.get("/exports/nothing"), Code.NOT_FOUND)


def test_another_callers_export_that_waits_is_not_found(expecting: KeyClient) -> None:
    location = start(expecting, caller("anna")).headers["location"]
    assert expecting.request("GET", location, headers=caller("anna")).json()["state"] == "queued"
    for method in ("GET", "DELETE"):
        expecting.problem(
            expecting.request(method, location, headers=caller("ben")), Code.NOT_FOUND
        )


def test_what_is_done_with_exports_is_in_the_audit_log(served: KeyClient) -> None:
    export = finish(served, start(served, nodes=["total"], horizon=3))
    served.request("DELETE", f"/exports/{export['id']}")
    entries = served.get("/admin/audit").json()["entries"]
    acts = [each["action"] for each in entries if each["subject"] == export["id"]]
    assert acts == ["export.delete", "export.start"]


# --- links ------------------------------------------------------------------------------------


@pytest.fixture
def linked(server: KeyClient, ended: Callable[..., StoredExport]) -> dict[str, Any]:
    """An export with a link."""
    ended()
    document: dict[str, Any] = server.request(
        "GET", "/exports/0123456789abcdef", headers=caller("anna")
    ).json()
    return document


def test_a_download_is_a_file_with_a_name_and_its_digest(
    server: KeyClient, linked: dict[str, Any]
) -> None:
    response = download(server, linked)
    assert response.content == b"0123456789"
    assert response.headers["etag"] == f'"{linked["sha256"]}"'
    name = "forecasts-2024-06-30-0123456789abcdef.csv"
    assert response.headers["content-disposition"] == f'attachment; filename="{name}"'
    again = download(server, linked, **{"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("wanted", "content", "content_range"),
    [
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
    ],
)
def test_a_range_resumes_a_download(
    server: KeyClient, linked: dict[str, Any], wanted: str, content: bytes, content_range: str
) -> None:
    response = download(server, linked, range=wanted)
    assert (response.status_code, response.content) == (206, content)
    assert response.headers["content-range"] == content_range


def test_a_range_of_another_file_is_not_mixed_in(server: KeyClient, linked: dict[str, Any]) -> None:
    response = download(server, linked, range="bytes=4-", **{"if-range": '"another"'})
    assert (response.status_code, response.content) == (200, b"0123456789")


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=9-1", "rows=1-2"])
def test_a_range_that_the_file_does_not_have_is_a_problem(
    server: KeyClient, linked: dict[str, Any], wanted: str
) -> None:
    response = download(server, linked, range=wanted)
    server.problem(response, Code.RANGE_NOT_SATISFIABLE)
    assert response.headers["content-range"] == "bytes */10"


def _changed(link: str, old: str, new: str) -> str:
    changed = link.replace(old, new)
    assert changed != link
    return changed


@pytest.mark.parametrize(
    ("alter", "code"),
    [
        (lambda link: link[:-1] + ("0" if link[-1] != "0" else "1"), Code.LINK_INVALID),
        (lambda link: _changed(link, "expires=", "expires=1"), Code.LINK_INVALID),
        (lambda link: _changed(link, "0123456789abcdef", "fedcba9876543210"), Code.LINK_INVALID),
        (lambda link: link.partition("?")[0], Code.INVALID_REQUEST),
        (lambda link: f"{link}0", Code.INVALID_REQUEST),
    ],
    ids=["another signature", "another expiry", "another export", "none", "a longer signature"],
)
def test_a_link_that_was_altered_reads_nothing(
    server: KeyClient,
    linked: dict[str, Any],
    ended: Callable[..., StoredExport],
    alter: Callable[[str], str],
    code: Code,
) -> None:
    ended("fedcba9876543210")
    server.problem(download(server, {"download": alter(linked["download"])}), code)


def test_a_link_ends_with_its_export(server: KeyClient, linked: dict[str, Any]) -> None:
    server.request("DELETE", f"/exports/{linked['id']}", headers=caller("anna"))
    server.problem(download(server, linked), Code.GONE)
    assert server.request("GET", "/exports", headers=caller("anna")).json() == {"exports": []}
    response = server.request("GET", f"/exports/{linked['id']}", headers=caller("anna"))
    server.problem(response, Code.NOT_FOUND)


def test_a_link_is_never_valid_for_longer_than_its_export(
    server: KeyClient, ended: Callable[..., StoredExport]
) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=5)).replace(microsecond=0)
    ended(expires_at=soon)
    export = server.request("GET", "/exports/0123456789abcdef", headers=caller("anna")).json()
    assert datetime.fromisoformat(export["download_expires_at"]) == soon


def test_a_file_that_this_server_cannot_read_is_a_problem(
    server: KeyClient, linked: dict[str, Any], own_store: Store
) -> None:
    (own_store.root / "exports" / linked["id"]).unlink()
    problem = server.problem(download(server, linked), Code.EXPORTS_UNAVAILABLE)
    assert "EXPORTS_URL" in problem["detail"]


def test_an_export_that_failed_says_why_and_has_no_link(
    server: KeyClient, ended: Callable[..., StoredExport]
) -> None:
    ended(state=ExportState.FAILED, detail="The disk is full.", rows=0, bytes=0, sha256="")
    export = server.request("GET", "/exports/0123456789abcdef", headers=caller("anna")).json()
    assert (export["state"], export["detail"]) == ("failed", "The disk is full.")
    assert (export["download"], export["rows"], export["sha256"]) == (None, None, None)


# --- in a bucket ------------------------------------------------------------------------------


def test_the_link_to_a_file_in_a_bucket_is_signed_by_its_store(
    compose: Compose,
    own_store: Store,
    ended: Callable[..., StoredExport],
    bucket: str,
    tmp_path: Path,
) -> None:
    server = compose(artifacts_dir=own_store.root, exports_url=bucket)
    export = ended(folder=bucket)
    (tmp_path / "file").write_bytes(b"of the bucket")
    RemoteFolder(bucket).upload(tmp_path / "file", export.id)
    answer = server.request("GET", f"/exports/{export.id}", headers=caller("anna")).json()
    with urllib.request.urlopen(answer["download"], timeout=10) as response:
        assert response.read() == b"of the bucket"
        assert f"-{export.id}.csv" in response.headers["content-disposition"]


def test_a_file_that_is_in_another_bucket_is_a_problem(
    server: KeyClient, ended: Callable[..., StoredExport]
) -> None:
    export = ended(folder="s3://another/exports")
    response = server.request("GET", f"/exports/{export.id}", headers=caller("anna"))
    assert "EXPORTS_URL" in server.problem(response, Code.EXPORTS_UNAVAILABLE)["detail"]
