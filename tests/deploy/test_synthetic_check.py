"""The component `synthetic-check`: what it calls, with which key, and what it may reach."""

from __future__ import annotations

import shutil

import pytest

from tests.deploy.served import find_pod, server
from tools.checks.manifests import Manifests, Pod, read, render_with_components
from tools.checks.network_rules import policies

if not (shutil.which("kubectl") or shutil.which("kustomize")):
    pytest.skip("needs kubectl or kustomize", allow_module_level=True)


@pytest.fixture(scope="module")
def production() -> Manifests:
    return read(render_with_components("production", ["synthetic-check"]))


@pytest.fixture(scope="module")
def pod(production: Manifests) -> Pod:
    return find_pod(production, "CronJob", "mlrf-check")


def test_it_checks_the_servers_through_their_service(production: Manifests, pod: Pod) -> None:
    (check,) = pod.containers
    service = production.one("Service", "mlrf")["spec"]["ports"]
    assert check["command"][:3] == ["mlrf", "check-server", "http://mlrf"]
    assert [port["port"] for port in service] == [80], "that of http:// without a port"
    assert check["image"] == server(production)["containers"][0]["image"]


def test_it_ends_before_the_next_one_begins(production: Manifests, pod: Pod) -> None:
    spec = production.one("CronJob", "mlrf-check")["spec"]
    (check,) = pod.containers
    deadline = spec["jobTemplate"]["spec"]["activeDeadlineSeconds"]
    assert spec["schedule"] == "*/5 * * * *"
    assert float(check["command"][-1]) < deadline < 300
    assert spec["jobTemplate"]["spec"]["backoffLimit"] == 0, "a failure is reported as it is"


def test_its_only_secret_is_a_key_of_its_own(pod: Pod) -> None:
    values = {each["name"]: each["valueFrom"] for each in pod.environment()}
    assert values["API_KEY"] == {"secretKeyRef": {"name": "mlrf-check", "key": "API_KEY"}}
    assert values.keys() == {"API_KEY", "LOG_FORMAT"}


def test_it_reaches_servers_and_names_alone(production: Manifests, pod: Pod) -> None:
    specs = [policy["spec"] for policy in policies(production, pod)]
    assert not any(spec.get("ingress") for spec in specs)
    rules = [rule for spec in specs for rule in spec.get("egress", [])]
    assert [[port["port"] for port in rule["ports"]] for rule in rules] == [["http"], [53, 53]]


def test_servers_let_it_in(production: Manifests, pod: Pod) -> None:
    labels = [
        peer["podSelector"]["matchLabels"]
        for policy in policies(production, find_pod(production, "Deployment", "mlrf"))
        for rule in policy["spec"].get("ingress", [])
        for peer in rule["from"]
        if "namespaceSelector" not in peer
    ]
    assert labels == [{"app.kubernetes.io/name": "mlrf", "app.kubernetes.io/component": "check"}]
    assert labels[0].items() <= pod.labels.items()
