"""Rules of a single pod: security, resources, images, probes."""

from __future__ import annotations

from collections.abc import Iterator

from tools.checks.findings import Finding
from tools.checks.manifests import LONG_RUNNING, Manifests, Object, Pod

_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral"} | {
    *("persistentVolumeClaim", "projected", "secret")
}
"""Volumes that the restricted profile allows."""

_LEAST_USER = 10_000
"""Smallest user id: a lower one may belong to a user of the node."""


def restricted_profile(manifests: Manifests) -> Iterator[Finding]:
    """Require the restricted profile (Pod Security Standards), a read-only root, and no token."""
    for pod in manifests.pods:
        yield from (Finding(pod.owner, what) for what in _pod_faults(pod))
        for container in pod.containers:
            where = f"{pod.owner} {container['name']}"
            yield from (Finding(where, what) for what in _container_faults(pod, container))


def _pod_faults(pod: Pod) -> Iterator[str]:
    spec = pod.spec
    context = spec.get("securityContext", {})
    if context.get("runAsNonRoot") is not True:
        yield "runAsNonRoot is not true"
    if context.get("runAsUser", 0) < _LEAST_USER:
        yield f"runAsUser is below {_LEAST_USER}"
    if context.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "the seccomp profile is not RuntimeDefault"
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield f"{name} is set"
    if spec.get("automountServiceAccountToken") is not False:
        yield "gets a token for the API server"
    if spec.get("serviceAccountName", "default") == "default":
        yield "has no service account of its own"
    for volume in spec.get("volumes", []):
        for kind in set(volume) - {"name"} - _VOLUMES:
            yield f"volume {volume['name']} is a {kind}"


def _container_faults(pod: Pod, container: Object) -> Iterator[str]:
    context = container.get("securityContext", {})
    capabilities = context.get("capabilities", {})
    if context.get("privileged"):
        yield "is privileged"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "the root file system can be written"
    if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
        yield "has capabilities"
    if context.get("runAsNonRoot") is False or "runAsUser" in context:
        yield "is another user than the pod"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "takes a port of the node"
    words = [*container.get("command", []), *container.get("args", [])]
    for name in _secret_variables(container):
        if any(f"$({name})" in word for word in words):
            yield f"{name} is written into its arguments, which every process can read"


def _secret_variables(container: Object) -> Iterator[str]:
    for variable in container.get("env", []):
        if "secretKeyRef" in variable.get("valueFrom", {}):
            yield variable["name"]


def resources(manifests: Manifests) -> Iterator[Finding]:
    """Require requests and limits of CPU, memory and storage, and a limit for every emptyDir."""
    for pod in manifests.pods:
        for container in pod.containers:
            for kind in ("requests", "limits"):
                quantities = container.get("resources", {}).get(kind, {})
                for name in {"cpu", "memory", "ephemeral-storage"} - set(quantities):
                    yield Finding(f"{pod.owner} {container['name']}", f"{kind} no {name}")
        for volume in pod.spec.get("volumes", []):
            if "emptyDir" in volume and "sizeLimit" not in (volume["emptyDir"] or {}):
                yield Finding(pod.owner, f"volume {volume['name']} has no size limit")


def images(manifests: Manifests) -> Iterator[Finding]:
    """Require a version or a digest for every image."""
    for pod in manifests.pods:
        for container in pod.containers:
            image = container["image"]
            last = image.rpartition("/")[2]
            tag = last.partition("@")[0].partition(":")[2]
            if "@sha256:" not in last and tag in ("", "latest"):
                yield Finding(f"{pod.owner} {container['name']}", f"image {image} has no version")


def probes(manifests: Manifests) -> Iterator[Finding]:
    """Require probes of containers with ports, on ports that exist, liveness not as readiness."""
    for pod in manifests.pods:
        for container in pod.containers:
            where = f"{pod.owner} {container['name']}"
            serves = pod.kind in LONG_RUNNING and "ports" in container
            wanted = ["livenessProbe", "readinessProbe"] if serves else []
            if serves and pod.kind == "Deployment":
                wanted.append("startupProbe")
            yield from (
                Finding(where, f"has no {name}") for name in wanted if name not in container
            )
            for name in ("startupProbe", "readinessProbe", "livenessProbe"):
                port = container.get(name, {}).get("httpGet", {}).get("port")
                if isinstance(port, str) and port not in pod.ports():
                    yield Finding(where, f"{name} asks port {port}, which it does not have")
            if "readinessProbe" in container and (
                container["readinessProbe"].get("httpGet", {}).get("path")
                == container.get("livenessProbe", {}).get("httpGet", {}).get("path", "")
            ):
                yield Finding(where, "is restarted where it should only get no requests")


def draining(manifests: Manifests) -> Iterator[Finding]:
    """Require a preStop sleep and a grace period that lets running requests end."""
    for pod in manifests.pods:
        if pod.kind != "Deployment" or not pod.ports():
            continue
        for container in pod.containers:
            before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {})
            if not before.get("seconds"):
                yield Finding(pod.owner, "gets SIGTERM while requests still come")
            draining_seconds = before.get("seconds", 0) + int(
                manifests.settings()["GRACEFUL_SHUTDOWN_SECONDS"]
            )
            if pod.spec.get("terminationGracePeriodSeconds", 30) <= draining_seconds:
                yield Finding(
                    pod.owner, f"is killed before its {draining_seconds} seconds are over"
                )
