"""What kustomize renders, as a set of objects that can be asked about each other."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

KUBERNETES = Path(__file__).resolve().parents[1] / "kubernetes"
OVERLAYS = KUBERNETES / "overlays"
COMPONENTS = KUBERNETES / "components"

LASTING = ("Deployment", "StatefulSet")
"""Kinds whose containers are to run forever."""

Object = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """The pod that a workload makes.

    Attributes:
        kind: of the workload.
        name: of the workload.
        labels: that the pod will have.
        spec: as Kubernetes has it.
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
        """Every entry of `env` of its containers."""
        for container in self.containers:
            yield from container.get("env", [])

    def ports(self) -> dict[str, int]:
        """Its ports by their names."""
        return {
            port["name"]: port["containerPort"]
            for container in self.containers
            for port in container.get("ports", [])
        }


class Manifests:
    """Rendered objects."""

    def __init__(self, objects: Sequence[Object]) -> None:
        self.objects = list(objects)

    def of(self, kind: str) -> list[Object]:
        return [found for found in self.objects if found["kind"] == kind]

    def one(self, kind: str, name: str) -> Object:
        """The object of a kind and a name; LookupError if it is not there exactly once."""
        found = [each for each in self.of(kind) if name_of(each) == name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} of {kind}/{name}")
        return found[0]

    @cached_property
    def pods(self) -> list[Pod]:
        return [pod for each in self.objects if (pod := pod_of(each)) is not None]

    def settings(self) -> dict[str, str]:
        """What the ConfigMap of settings says."""
        (found,) = (each for each in self.of("ConfigMap") if name_of(each).startswith("mlrf-"))
        data: dict[str, str] = found["data"]
        return data


def name_of(each: Object) -> str:
    return str(each["metadata"]["name"])


def pod_of(workload: Object) -> Pod | None:
    """The pod of a workload; None for anything else."""
    kind = workload["kind"]
    if kind == "CronJob":
        template = workload["spec"]["jobTemplate"]["spec"]["template"]
    elif kind in (*LASTING, "DaemonSet", "Job"):
        template = workload["spec"]["template"]
    else:
        return None
    labels = template.get("metadata", {}).get("labels", {})
    return Pod(kind, name_of(workload), labels, template["spec"])


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects labels; an empty one selects all.

    Raises:
        ValueError: an operator that is none of the four of Kubernetes.
    """
    wanted = selector.get("matchLabels", {})
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_holds(rule, labels) for rule in selector.get("matchExpressions", []))


def _holds(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    found = labels.get(rule["key"])
    match rule["operator"]:
        case "In":
            return found in rule["values"]
        case "NotIn":
            return found not in rule["values"]
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
        case operator:
            raise ValueError(f"{operator} is no operator of a label selector")


def read(text: str) -> Manifests:
    """Manifests of rendered YAML."""
    return Manifests([each for each in yaml.safe_load_all(text) if each])


def overlays() -> list[str]:
    return sorted(path.parent.name for path in OVERLAYS.glob("*/kustomization.yaml"))


def render(folder: Path) -> str:
    """What kustomize makes of a folder, as YAML.

    Raises:
        FileNotFoundError: there is neither kubectl nor kustomize.
        subprocess.CalledProcessError: it refuses the folder.
    """
    command = next((found for found in _RENDERERS if shutil.which(found[0])), None)
    if command is None:
        raise FileNotFoundError("neither kubectl nor kustomize is installed")
    done = subprocess.run([*command, str(folder)], check=True, capture_output=True, text=True)
    return done.stdout


_RENDERERS = (("kubectl", "kustomize"), ("kustomize", "build"))
