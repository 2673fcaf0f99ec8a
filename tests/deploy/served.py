"""What of the manifests serves."""

from __future__ import annotations

from deploy.checks.manifests import Manifests, Object


def server(manifests: Manifests) -> Object:
    spec: Object = manifests.one("Deployment", "mlrf")["spec"]["template"]["spec"]
    return spec


def container(manifests: Manifests) -> Object:
    found: Object = server(manifests)["containers"][0]
    return found
