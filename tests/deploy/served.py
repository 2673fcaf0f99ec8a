"""The pod and the container of the server in the Kubernetes manifests."""

from __future__ import annotations

from tools.checks.manifests import Manifests, Object


def server(manifests: Manifests) -> Object:
    spec: Object = manifests.one("Deployment", "mlrf")["spec"]["template"]["spec"]
    return spec


def container(manifests: Manifests) -> Object:
    result: Object = server(manifests)["containers"][0]
    return result
