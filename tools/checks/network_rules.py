"""Rules of network policies: which connections are allowed."""

from __future__ import annotations

from collections.abc import Iterator

from tools.checks.findings import Finding
from tools.checks.manifests import Manifests, Object, Pod, name_of, selects

BOTH = {"Ingress", "Egress"}


def default_deny(manifests: Manifests) -> Iterator[Finding]:
    """Require one policy that denies all traffic to every pod of the namespace."""
    for each in manifests.of("NetworkPolicy"):
        spec = each["spec"]
        closed = not spec.get("ingress") and not spec.get("egress")
        if spec["podSelector"] == {} and set(spec["policyTypes"]) == BOTH and closed:
            return
    yield Finding("NetworkPolicy", "none denies everything by default")


def coverage(manifests: Manifests) -> Iterator[Finding]:
    """Require a policy that selects each pod beside the default, so that none is forgotten."""
    for pod in manifests.pods:
        if not any(each["spec"]["podSelector"] for each in policies(manifests, pod)):
            yield Finding(pod.owner, "no policy but the default knows it")


def openings(manifests: Manifests) -> Iterator[Finding]:
    """Refuse a policy rule that is open to every peer, address or port."""
    for each in manifests.of("NetworkPolicy"):
        where = f"NetworkPolicy/{name_of(each)}"
        for way, peers in (("ingress", "from"), ("egress", "to")):
            for rule in each["spec"].get(way, []):
                if not rule.get(peers) or {} in rule[peers]:
                    yield Finding(where, f"{way} is open to everybody")
                if not rule.get("ports"):
                    yield Finding(where, f"{way} is open on every port")
                if any(
                    peer.get("ipBlock", {}).get("cidr", "").endswith("/0")
                    for peer in rule.get(peers, [])
                ):
                    yield Finding(where, f"{way} is open to every address")


def needs(manifests: Manifests) -> Iterator[Finding]:
    """Require that a pod can connect to each address it is configured with, and resolve names."""
    for pod in manifests.pods:
        secrets = {
            entry["name"]
            for entry in pod.environment()
            if "secretKeyRef" in entry.get("valueFrom", {})
        }
        allowed = {
            port["port"]
            for policy in policies(manifests, pod)
            for rule in policy["spec"].get("egress", [])
            for port in rule["ports"]
        }
        for variable, port in (("DATABASE_URL", 5432), ("REDIS_URL", 6379)):
            if variable in secrets and not {port, 53} <= allowed:
                yield Finding(pod.owner, f"has {variable} and cannot go to {port}")


def policies(manifests: Manifests, pod: Pod) -> list[Object]:
    """Return the policies that select a pod."""
    return [
        each
        for each in manifests.of("NetworkPolicy")
        if selects(each["spec"]["podSelector"], pod.labels)
    ]
