"""The policy for manifests: each rule detects its violation."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from tests.deploy.served import container, server
from tools.checks.kube import Cluster, PlayError
from tools.checks.manifests import OVERLAYS, Manifests, Object, read, render, selects
from tools.checks.policy import RULES

if not (shutil.which("kubectl") or shutil.which("kustomize")):
    pytest.skip("needs kubectl or kustomize", allow_module_level=True)


@pytest.fixture(scope="module")
def production() -> Manifests:
    return read(render(OVERLAYS / "production"))


Break = Callable[[Manifests], Any]


def policy(manifests: Manifests, name: str) -> Object:
    spec: Object = manifests.one("NetworkPolicy", name)["spec"]
    return spec


BROKEN: dict[str, tuple[str, Break]] = {
    "root": (
        "restricted_profile",
        lambda m: server(m)["securityContext"].update(runAsNonRoot=False),
    ),
    "low user": (
        "restricted_profile",
        lambda m: server(m)["securityContext"].update(runAsUser=999),
    ),
    "seccomp": ("restricted_profile", lambda m: server(m)["securityContext"].pop("seccompProfile")),
    "token": ("restricted_profile", lambda m: server(m).pop("automountServiceAccountToken")),
    "host network": ("restricted_profile", lambda m: server(m).update(hostNetwork=True)),
    "host path": (
        "restricted_profile",
        lambda m: server(m)["volumes"][1].update(hostPath={"path": "/"}),
    ),
    "escalation": (
        "restricted_profile",
        lambda m: container(m)["securityContext"].pop("allowPrivilegeEscalation"),
    ),
    "capability": (
        "restricted_profile",
        lambda m: container(m)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
    ),
    "writable root": (
        "restricted_profile",
        lambda m: container(m)["securityContext"].pop("readOnlyRootFilesystem"),
    ),
    "no limit": ("resources", lambda m: container(m)["resources"]["limits"].pop("memory")),
    "no request": ("resources", lambda m: container(m)["resources"]["requests"].pop("cpu")),
    "no size": ("resources", lambda m: server(m)["volumes"][1]["emptyDir"].pop("sizeLimit")),
    "no tag": ("images", lambda m: container(m).update(image="registry.example:5000/mlrf")),
    "secret in arguments": (
        "restricted_profile",
        lambda m: m.one("StatefulSet", "mlrf-redis")["spec"]["template"]["spec"]["containers"][0][
            "args"
        ].append("--requirepass=$(REDIS_PASSWORD)"),
    ),
    "latest": ("images", lambda m: container(m).update(image="mlrf:latest")),
    "no readiness": ("probes", lambda m: container(m).pop("readinessProbe")),
    "no startup": ("probes", lambda m: container(m).pop("startupProbe")),
    "wrong port": (
        "probes",
        lambda m: container(m)["livenessProbe"]["httpGet"].update(port="web"),
    ),
    "restarted when not ready": (
        "probes",
        lambda m: container(m)["livenessProbe"]["httpGet"].update(path="/readyz"),
    ),
    "no preStop": ("draining", lambda m: container(m).pop("lifecycle")),
    "killed early": ("draining", lambda m: server(m).update(terminationGracePeriodSeconds=25)),
    "service without pods": (
        "selectors",
        lambda m: m.one("Service", "mlrf")["spec"]["selector"].update(app="other"),
    ),
    "budget without pods": (
        "selectors",
        lambda m: m.one("PodDisruptionBudget", "mlrf")["spec"]["selector"]["matchLabels"].update(
            app="other"
        ),
    ),
    "deployment of all": (
        "selectors",
        lambda m: m.one("Deployment", "mlrf")["spec"]["selector"]["matchLabels"].pop(
            "app.kubernetes.io/component"
        ),
    ),
    "peer without pods": (
        "selectors",
        lambda m: policy(m, "server")["egress"][0]["to"][0]["podSelector"]["matchLabels"].update(
            app="other"
        ),
    ),
    "service to no port": (
        "ports",
        lambda m: m.one("Service", "mlrf")["spec"]["ports"][0].update(targetPort="web"),
    ),
    "ingress to no service": (
        "ports",
        lambda m: m.one("Ingress", "mlrf")["spec"]["rules"][0]["http"]["paths"][0]["backend"][
            "service"
        ].update(name="other"),
    ),
    "no TLS": ("ports", lambda m: m.one("Ingress", "mlrf")["spec"].pop("tls")),
    "no ConfigMap": (
        "names",
        lambda m: container(m)["envFrom"][0]["configMapRef"].update(name="other"),
    ),
    "no claim": (
        "names",
        lambda m: m.objects.remove(m.one("PersistentVolumeClaim", "mlrf-tables")),
    ),
    "no account": ("names", lambda m: m.objects.remove(m.one("ServiceAccount", "mlrf"))),
    "fixed replicas": (
        "scaling",
        lambda m: m.one("Deployment", "mlrf")["spec"].update(replicas=1),
    ),
    "other maximum": (
        "scaling",
        lambda m: m.one("HorizontalPodAutoscaler", "mlrf")["spec"].update(maxReplicas=13),
    ),
    "unavailable": (
        "scaling",
        lambda m: m.one("Deployment", "mlrf")["spec"]["strategy"]["rollingUpdate"].update(
            maxUnavailable=1
        ),
    ),
    "concurrent runs": (
        "schedules",
        lambda m: m.one("CronJob", "mlrf-retrain")["spec"].update(concurrencyPolicy="Allow"),
    ),
    "no deadline": (
        "schedules",
        lambda m: m.one("CronJob", "mlrf-retrain")["spec"]["jobTemplate"]["spec"].pop(
            "activeDeadlineSeconds"
        ),
    ),
    "no default": ("default_deny", lambda m: policy(m, "default-deny").update(egress=[{}])),
    "forgotten pod": (
        "coverage",
        lambda m: m.objects.remove(m.one("NetworkPolicy", "retrain")),
    ),
    "open to all": ("openings", lambda m: policy(m, "server")["ingress"][0].pop("from")),
    "open to the world": (
        "openings",
        lambda m: policy(m, "database")["egress"][0]["to"][0]["ipBlock"].update(cidr="0.0.0.0/0"),
    ),
    "all ports": ("openings", lambda m: policy(m, "server")["ingress"][0].pop("ports")),
    "no way to Redis": ("needs", lambda m: policy(m, "server").pop("egress")),
    "no names": ("needs", lambda m: m.objects.remove(m.one("NetworkPolicy", "names"))),
    "unknown setting": ("known_variables", lambda m: m.settings().update(MLRF_WORKERS="1")),
    "unknown variable": (
        "known_variables",
        lambda m: container(m)["env"].append({"name": "WORKERZ", "value": "1"}),
    ),
    "wrong value": ("valid_settings", lambda m: m.settings().update(KEY_CACHE_SECONDS="soon")),
    "no such tier": ("valid_settings", lambda m: m.settings().update(DEFAULT_TIER="gold")),
    "workers": ("valid_settings", lambda m: m.settings().update(WORKERS="4")),
    "other port": ("valid_settings", lambda m: m.settings().update(PORT="8000")),
    "password": (
        "no_secrets",
        lambda m: container(m)["env"].append(
            {"name": "HTTP_PROXY", "value": "http://user:hunter2@proxy"}
        ),
    ),
    "secret in the ConfigMap": ("no_secrets", lambda m: m.settings().update(API_KEY="k" * 20)),
    "secret as a value": (
        "no_secrets",
        lambda m: container(m)["env"].append({"name": "API_KEY", "value": "k" * 20}),
    ),
    "a Secret": (
        "no_secrets",
        lambda m: m.objects.append({"kind": "Secret", "metadata": {"name": "mlrf"}}),
    ),
}


@pytest.mark.parametrize(("rule", "break_manifests"), BROKEN.values(), ids=BROKEN)
def test_a_violation_of_a_rule_is_detected(
    rule: str, break_manifests: Break, production: Manifests
) -> None:
    """Each violation is detected by the rule that is made for it."""
    manifests = Manifests(copy.deepcopy(production.objects))
    break_manifests(manifests)
    (judge,) = (each for each in RULES if each.__name__ == rule)
    assert list(judge(manifests))


def test_every_rule_has_a_violation() -> None:
    assert {rule for rule, _ in BROKEN.values()} == {each.__name__ for each in RULES}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        pytest.param({}, True, id="empty selects all"),
        pytest.param({"matchLabels": {"a": "1"}}, True, id="equal"),
        pytest.param({"matchLabels": {"a": "1", "b": "1"}}, False, id="missing"),
        pytest.param(
            {"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]},
            True,
            id="in",
        ),
        pytest.param(
            {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]},
            False,
            id="not in",
        ),
        pytest.param(
            {"matchExpressions": [{"key": "b", "operator": "Exists"}]}, False, id="exists"
        ),
        pytest.param(
            {"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]},
            True,
            id="does not exist",
        ),
    ],
)
def test_selectors_select_as_those_of_kubernetes(selector: Object, expected: bool) -> None:
    assert selects(selector, {"a": "1"}) is expected


def prepare_redis_container(manifests: Manifests, **secrets: str) -> Object:
    """Return the container of Redis as `podman kube play` would get it."""
    stateful_set = copy.deepcopy(manifests.one("StatefulSet", "mlrf-redis"))
    (prepared,) = stateful_set["spec"]["template"]["spec"]["containers"]
    Cluster("play", manifests, {"valkey": "localhost/valkey"}, secrets)._prepare(prepared)
    return dict(prepared)


def test_secrets_are_inserted_into_the_environment_only(production: Manifests) -> None:
    prepared = prepare_redis_container(production, REDIS_PASSWORD="p-secret")
    assert prepared["image"] == "localhost/valkey"
    assert prepared["env"][0] == {"name": "REDIS_PASSWORD", "value": "p-secret"}
    words = [*prepared["command"], *prepared["args"]]
    assert not any("p-secret" in word for word in words), "every process can read arguments"


def test_a_missing_secret_is_an_error(production: Manifests) -> None:
    with pytest.raises(PlayError, match="REDIS_PASSWORD"):
        prepare_redis_container(production)
