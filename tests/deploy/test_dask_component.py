"""The component `dask`: certificates, ports and commands of the cluster and of its jobs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import dask
import pytest
from distributed.cli.dask_scheduler import main as scheduler
from distributed.cli.dask_worker import main as worker
from typer.main import get_command

from cli.main import app
from config.topics import ClusterSettings
from tests.deploy.served import find_pod, mounted_claims
from tools.checks.manifests import Manifests, Pod, read, render_with_components, selects
from tools.checks.network_rules import policies

if not (shutil.which("kubectl") or shutil.which("kustomize")):
    pytest.skip("needs kubectl or kustomize", allow_module_level=True)

PODS = {
    "scheduler": ("StatefulSet", "mlrf-dask-scheduler"),
    "worker": ("Deployment", "mlrf-dask-worker"),
    "refresh": ("CronJob", "mlrf-refresh"),
    "retrain": ("CronJob", "mlrf-retrain"),
    "server": ("Deployment", "mlrf"),
    "redis": ("StatefulSet", "mlrf-redis"),
}
DASK = ("scheduler", "worker")
JOBS = ("refresh", "retrain")


@pytest.fixture(scope="module")
def manifests() -> Manifests:
    return read(render_with_components("production", ["dask"]))


@pytest.fixture(scope="module")
def pods(manifests: Manifests) -> dict[str, Pod]:
    return {name: find_pod(manifests, *where) for name, where in PODS.items()}


def options(pod: Pod) -> dict[str, str]:
    """Return the options of a command of Dask."""
    words = [word for word in pod.containers[0]["command"] if word.startswith("--")]
    return dict(word.partition("=")[::2] for word in words)


def environment(pod: Pod) -> dict[str, Any]:
    return {entry["name"]: entry.get("value") for entry in pod.environment()}


# --- who reaches whom -----------------------------------------------------------------------------


def list_ports(rules: list[dict[str, Any]], way: str, labels: Any, pod: Pod) -> Iterator[int]:
    """Yield the ports that rules open to or from a pod with such labels, of the pod `pod`."""
    for rule in rules:
        peers = [each for each in rule[way] if "namespaceSelector" not in each]
        if any(selects(each["podSelector"], labels) for each in peers if "podSelector" in each):
            for port in rule["ports"]:
                first = pod.ports().get(port["port"], port["port"])
                yield from range(first, port.get("endPort", first) + 1)


def reachable_ports(manifests: Manifests, source: Pod, target: Pod) -> set[int]:
    """Return the ports at which a pod can connect to another one: both must allow it."""
    leaving = {
        port
        for policy in policies(manifests, source)
        for port in list_ports(policy["spec"].get("egress", []), "to", target.labels, target)
    }
    arriving = {
        port
        for policy in policies(manifests, target)
        for port in list_ports(policy["spec"].get("ingress", []), "from", source.labels, target)
    }
    return leaving & arriving


FIT = set(range(13000, 13016))
OPEN = {
    ("refresh", "scheduler"): {8786},
    ("retrain", "scheduler"): {8786},
    ("worker", "scheduler"): {8786},
    ("scheduler", "worker"): {9000, 9001},
    ("worker", "worker"): {9000} | FIT,
}


@pytest.mark.parametrize("target", DASK)
@pytest.mark.parametrize("source", PODS)
def test_only_what_works_together_connects_and_only_at_its_ports(
    manifests: Manifests, pods: dict[str, Pod], source: str, target: str
) -> None:
    reached = reachable_ports(manifests, pods[source], pods[target])
    assert reached == OPEN.get((source, target), set())


@pytest.mark.parametrize("name", DASK)
def test_dask_reaches_nothing_else(manifests: Manifests, pods: dict[str, Pod], name: str) -> None:
    for target in ("server", "redis"):
        assert not reachable_ports(manifests, pods[name], pods[target])


@pytest.mark.parametrize("name", [*JOBS, "worker"])
def test_who_connects_to_a_name_can_resolve_it(
    manifests: Manifests, pods: dict[str, Pod], name: str
) -> None:
    ports = [
        port["port"]
        for policy in policies(manifests, pods[name])
        for rule in policy["spec"].get("egress", [])
        for port in rule["ports"]
    ]
    assert 53 in ports


# --- what they run --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "command"), [("scheduler", scheduler), ("worker", worker)])
def test_its_options_are_those_of_dask(pods: dict[str, Pod], name: str, command: Any) -> None:
    assert pods[name].containers[0]["command"][:4] == ["python", "-m", "dask", name]
    accepted = {word for each in command.params for word in (*each.opts, *each.secondary_opts)}
    assert {*options(pods[name])} <= accepted


@pytest.mark.parametrize("name", DASK)
def test_its_variables_are_known_to_dask(pods: dict[str, Pod], name: str) -> None:
    for variable in environment(pods[name]):
        if variable.startswith("DASK_"):
            key = variable.removeprefix("DASK_").replace("__", ".").replace("_", "-").lower()
            assert dask.config.get(key, default="unknown") != "unknown", variable


@pytest.mark.parametrize("name", DASK)
def test_connections_are_encrypted_with_the_certificates_of_the_secret(
    pods: dict[str, Pod], name: str
) -> None:
    pod = pods[name]
    assert environment(pod)["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] == "True"
    files = [options(pod)[f"--tls-{kind}"] for kind in ("ca-file", "cert", "key")]
    assert files == [f"/etc/dask-tls/{file}" for file in ("ca.crt", "tls.crt", "tls.key")]
    assert find_certificates(pod) == ("mlrf-dask", "/etc/dask-tls")


def find_certificates(pod: Pod) -> tuple[str, str]:
    """Return the Secret of the certificates, and where it is mounted."""
    (volume,) = (each for each in pod.spec["volumes"] if "secret" in each)
    (mount,) = (
        each for each in pod.containers[0]["volumeMounts"] if each["name"] == volume["name"]
    )
    assert mount["readOnly"]
    return volume["secret"]["secretName"], mount["mountPath"]


@pytest.mark.parametrize("name", JOBS)
def test_jobs_run_on_the_cluster(
    manifests: Manifests, pods: dict[str, Pod], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = pods[name].containers[0]["command"]
    service = manifests.one("Service", "mlrf-dask-scheduler")
    [port] = service["spec"]["ports"]
    assert command[-4:] == [
        *("--engine", "dask"),
        *("--scheduler", f"tls://{service['metadata']['name']}:{port['port']}"),
    ]
    for variable, value in environment(pods[name]).items():
        if variable.startswith("CLUSTER_"):
            monkeypatch.setenv(variable, value)
    settings = ClusterSettings()
    assert settings.fit_ports == range(13000, 13016)
    assert find_certificates(pods[name]) == ("mlrf-dask", str(settings.cluster_tls_ca_file.parent))  # type: ignore[union-attr]


def test_a_training_accepts_the_options_of_its_job(pods: dict[str, Pod]) -> None:
    """Compare with the options that the command declares."""
    _, name, *words = pods["retrain"].containers[0]["command"]
    accepted = {option for each in get_command(app).commands[name].params for option in each.opts}  # type: ignore[attr-defined]
    assert {word for word in words if word.startswith("--")} <= accepted


def test_workers_have_the_packages_and_the_volume_of_the_jobs(
    manifests: Manifests, pods: dict[str, Pod]
) -> None:
    images = {pods[name].containers[0]["image"] for name in (*DASK, *JOBS)}
    assert len(images) == 1, "Dask needs the same versions everywhere"
    path = manifests.settings()["ARTIFACTS_DIR"]
    assert mounted_claims(pods["worker"].spec)["mlrf-artifacts"] == (path, True)


def test_a_worker_spills_less_than_its_volume_holds(pods: dict[str, Pod]) -> None:
    pod = pods["worker"]
    (scratch,) = (each for each in pod.spec["volumes"] if each["name"] == "scratch")
    assert environment(pod)["DASK_DISTRIBUTED__WORKER__MEMORY__MAX_SPILL"] == "16GiB"
    assert scratch["emptyDir"]["sizeLimit"] == "17Gi"
    assert pod.containers[0]["resources"]["limits"]["ephemeral-storage"] == "18Gi"
    assert options(pod)["--local-directory"] == "/scratch"
    assert options(pod)["--nthreads"] == pod.containers[0]["resources"]["limits"]["cpu"]
