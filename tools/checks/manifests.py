"""Manifests rendered by kustomize, with queries across their objects."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

KUBERNETES = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
OVERLAYS = KUBERNETES / "overlays"
COMPONENTS = KUBERNETES / "components"

LONG_RUNNING = ("Deployment", "StatefulSet")
"""Kinds whose containers run until they are stopped."""

Object = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """The pod that a workload creates.

    Attributes:
        kind: of the workload.
        name: of the workload.
        labels: of the pod.
        spec: the PodSpec.
    """

    kind: str
    name: str
    labels: Mapping[str, str]
    spec: Object

    @property
    def owner(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def containers(self) -> list[Object]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def environment(self) -> Iterator[Object]:
        """Yield every entry of `env` of its containers."""
        for container in self.containers:
            yield from container.get("env", [])

    def ports(self) -> dict[str, int]:
        """Return its ports by name."""
        return {
            port["name"]: port["containerPort"]
            for container in self.containers
            for port in container.get("ports", [])
        }


class Manifests:
    """A set of rendered objects."""

    def __init__(self, objects: Sequence[Object]) -> None:
        self.objects = list(objects)

    def of(self, kind: str) -> list[Object]:
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind: str, name: str) -> Object:
        """Return the object of a kind and a name.

        Raises:
            LookupError: there is not exactly one.
        """
        matches = [each for each in self.of(kind) if name_of(each) == name]
        if len(matches) != 1:
            raise LookupError(f"{len(matches)} of {kind}/{name}")
        return matches[0]

    @cached_property
    def pods(self) -> list[Pod]:
        return [pod for each in self.objects if (pod := pod_of(each)) is not None]

    def settings(self) -> dict[str, str]:
        """Return the data of the ConfigMap of settings."""
        (config_map,) = (each for each in self.of("ConfigMap") if name_of(each).startswith("mlrf-"))
        data: dict[str, str] = config_map["data"]
        return data


def name_of(each: Object) -> str:
    return str(each["metadata"]["name"])


def pod_of(workload: Object) -> Pod | None:
    """Return the pod of a workload; None for an object of another kind."""
    kind = workload["kind"]
    if kind == "CronJob":
        template = workload["spec"]["jobTemplate"]["spec"]["template"]
    elif kind in (*LONG_RUNNING, "DaemonSet", "Job"):
        template = workload["spec"]["template"]
    else:
        return None
    labels = template.get("metadata", {}).get("labels", {})
    return Pod(kind, name_of(workload), labels, template["spec"])


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether a label selector matches labels; an empty one matches all.

    Raises:
        ValueError: an operator is none of Kubernetes' four.
    """
    wanted = selector.get("matchLabels", {})
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_matches_expression(rule, labels) for rule in selector.get("matchExpressions", []))


def _matches_expression(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(rule["key"])
    match rule["operator"]:
        case "In":
            return value in rule["values"]
        case "NotIn":
            return value not in rule["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case operator:
            raise ValueError(f"{operator} is no operator of a label selector")


def read(text: str) -> Manifests:
    """Parse rendered YAML."""
    return Manifests([each for each in yaml.safe_load_all(text) if each])


def overlays() -> list[str]:
    return sorted(path.parent.name for path in OVERLAYS.glob("*/kustomization.yaml"))


def components() -> list[str]:
    return sorted(path.parent.name for path in COMPONENTS.glob("*/kustomization.yaml"))


def render(folder: Path) -> str:
    """Render a folder with kustomize, as YAML.

    Raises:
        FileNotFoundError: neither kubectl nor kustomize is installed.
        subprocess.CalledProcessError: kustomize refuses the folder.
    """
    command = next((each for each in _RENDERERS if shutil.which(each[0])), None)
    if command is None:
        raise FileNotFoundError("neither kubectl nor kustomize is installed")
    done = subprocess.run([*command, str(folder)], check=True, capture_output=True, text=True)
    return done.stdout


def render_with_components(overlay: str, names: Sequence[str]) -> str:
    """Render an overlay to which components were added, as its user would, as YAML."""
    with tempfile.TemporaryDirectory() as folder:
        copied = shutil.copytree(KUBERNETES, Path(folder) / KUBERNETES.name)
        file = copied / "overlays" / overlay / "kustomization.yaml"
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        document["components"] = [f"../../components/{name}" for name in names]
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
        return render(file.parent)


_RENDERERS = (("kubectl", "kustomize"), ("kustomize", "build"))
