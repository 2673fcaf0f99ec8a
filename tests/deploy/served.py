"""Pods of the Kubernetes manifests, and what they mount."""

from __future__ import annotations

from tools.checks.manifests import Manifests, Object, Pod


def server(manifests: Manifests) -> Object:
    spec: Object = manifests.one("Deployment", "mlrf")["spec"]["template"]["spec"]
    return spec


def container(manifests: Manifests) -> Object:
    result: Object = server(manifests)["containers"][0]
    return result


def find_pod(manifests: Manifests, kind: str, name: str) -> Pod:
    (match,) = (each for each in manifests.pods if (each.kind, each.name) == (kind, name))
    return match


def mounted_claims(pod: Object) -> dict[str, tuple[str, bool]]:
    """Return path and writability of each claim that a pod mounts."""
    (only,) = pod["containers"]
    mounts = {each["name"]: each for each in only["volumeMounts"]}
    return {
        volume["persistentVolumeClaim"]["claimName"]: (
            mounts[volume["name"]]["mountPath"],
            not mounts[volume["name"]].get("readOnly", False),
        )
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
