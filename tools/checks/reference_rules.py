"""Rules of references between objects: every name and every selector resolves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.checks.findings import Finding
from tools.checks.manifests import LONG_RUNNING, Manifests, Object, Pod, name_of, pod_of, selects


def selectors(manifests: Manifests) -> Iterator[Finding]:
    """Require that a workload selects its own pods only, and that other selectors match a pod."""
    for each in manifests.objects:
        own = pod_of(each)
        if own is not None and own.kind in LONG_RUNNING:
            pods = _select_pods(manifests, each["spec"]["selector"])
            if pods != [own]:
                yield Finding(own.owner, f"selects {[pod.owner for pod in pods]}")
    for where, selector in _list_selectors(manifests):
        if not _select_pods(manifests, selector):
            yield Finding(where, f"selects no pod by {selector}")


def _list_selectors(manifests: Manifests) -> Iterator[tuple[str, Object]]:
    for each in manifests.of("Service"):
        yield f"Service/{name_of(each)}", {"matchLabels": each["spec"]["selector"]}
    for each in manifests.of("PodDisruptionBudget"):
        yield f"PodDisruptionBudget/{name_of(each)}", each["spec"]["selector"]
    for each in manifests.of("NetworkPolicy"):
        where = f"NetworkPolicy/{name_of(each)}"
        yield where, each["spec"]["podSelector"]
        for rule in (*each["spec"].get("ingress", []), *each["spec"].get("egress", [])):
            for peer in (*rule.get("from", []), *rule.get("to", [])):
                if "podSelector" in peer and "namespaceSelector" not in peer:
                    yield where, peer["podSelector"]
    for pod in manifests.pods:
        for spread in pod.spec.get("topologySpreadConstraints", []):
            yield pod.owner, spread["labelSelector"]


def _select_pods(manifests: Manifests, selector: Object) -> list[Pod]:
    return [pod for pod in manifests.pods if selects(selector, pod.labels)]


def ports(manifests: Manifests) -> Iterator[Finding]:
    """Require that a Service targets a port of its pods, and an Ingress one of a Service."""
    for each in manifests.of("Service"):
        for pod in _select_pods(manifests, {"matchLabels": each["spec"]["selector"]}):
            for port in each["spec"]["ports"]:
                target = port.get("targetPort", port["port"])
                if target not in {*pod.ports(), *pod.ports().values()}:
                    yield Finding(f"Service/{name_of(each)}", f"leads to no port {target}")
    for each in manifests.of("Ingress"):
        hosts = {host for tls in each["spec"].get("tls", []) for host in tls["hosts"]}
        for rule in each["spec"]["rules"]:
            if rule["host"] not in hosts:
                yield Finding(f"Ingress/{name_of(each)}", f"{rule['host']} has no TLS")
            for path in rule["http"]["paths"]:
                yield from _check_backend(manifests, each, path["backend"]["service"])


def _check_backend(manifests: Manifests, ingress: Object, service: Object) -> Iterator[Finding]:
    where = f"Ingress/{name_of(ingress)}"
    try:
        service_ports = manifests.one("Service", service["name"])["spec"]["ports"]
    except LookupError:
        yield Finding(where, f"leads to no Service {service['name']}")
        return
    names = {(key, port.get(key_of)) for port in service_ports for key, key_of in _PORT_KEYS}
    if not names & set(service["port"].items()):
        yield Finding(where, f"leads to no port {service['port']}")


_PORT_KEYS = (("name", "name"), ("number", "port"))


def names(manifests: Manifests) -> Iterator[Finding]:
    """Require the ConfigMaps, their keys, claims and service accounts that pods refer to."""
    maps = {name_of(each): set(each["data"]) for each in manifests.of("ConfigMap")}
    claims = {name_of(each) for each in manifests.of("PersistentVolumeClaim")}
    accounts = {name_of(each) for each in manifests.of("ServiceAccount")}
    for pod in manifests.pods:
        for name, key in _config_map_references(pod):
            if name not in maps or (key is not None and key not in maps[name]):
                yield Finding(pod.owner, f"names {key or 'all'} of ConfigMap {name}")
        for volume in pod.spec.get("volumes", []):
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim is not None and claim not in claims:
                yield Finding(pod.owner, f"names claim {claim}")
        mounted = {mount["name"] for each in pod.containers for mount in each["volumeMounts"]}
        if mounted != {volume["name"] for volume in pod.spec.get("volumes", [])}:
            yield Finding(pod.owner, "mounts other volumes than it has")
        if pod.spec.get("serviceAccountName") not in accounts:
            yield Finding(pod.owner, f"names account {pod.spec.get('serviceAccountName')}")


def _config_map_references(pod: Pod) -> Iterator[tuple[str, str | None]]:
    for container in pod.containers:
        for source in container.get("envFrom", []):
            if "configMapRef" in source:
                yield source["configMapRef"]["name"], None
    for entry in pod.environment():
        reference: dict[str, Any] = entry.get("valueFrom", {}).get("configMapKeyRef", {})
        if reference:
            yield reference["name"], reference["key"]


def scaling(manifests: Manifests) -> Iterator[Finding]:
    """Require that only the autoscaler sets the replicas, and that a rollout removes no server."""
    for each in manifests.of("HorizontalPodAutoscaler"):
        where = f"HorizontalPodAutoscaler/{name_of(each)}"
        target = each["spec"]["scaleTargetRef"]
        if "replicas" in manifests.one(target["kind"], target["name"])["spec"]:
            yield Finding(where, "is undone by the replicas of its target")
        if manifests.settings()["REPLICAS"] != str(each["spec"]["maxReplicas"]):
            yield Finding(where, "REPLICAS is not its maximum")
    for each in manifests.of("Deployment"):
        own = pod_of(each)
        serves = own is not None and own.ports()
        rolling = each["spec"].get("strategy", {}).get("rollingUpdate", {})
        if serves and rolling.get("maxUnavailable") != 0:
            yield Finding(
                f"Deployment/{name_of(each)}",
                "a rollout stops servers before their replacements are ready",
            )


def schedules(manifests: Manifests) -> Iterator[Finding]:
    """Require that scheduled jobs never overlap, have a deadline and a limited history."""
    for each in manifests.of("CronJob"):
        spec = each["spec"]
        wanted = ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "timeZone")
        missing = [name for name in (*wanted, "failedJobsHistoryLimit") if name not in spec]
        if spec.get("concurrencyPolicy") != "Forbid":
            missing.append("concurrencyPolicy")
        if "activeDeadlineSeconds" not in spec["jobTemplate"]["spec"]:
            missing.append("activeDeadlineSeconds")
        yield from (Finding(f"CronJob/{name_of(each)}", f"has no {name}") for name in missing)
