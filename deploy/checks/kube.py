"""What a node does with a pod, as far as podman can: plays it, asks its probes, ends it.

podman knows no Secret, CronJob or Service, and runs no hooks and, without systemd, no probes.
Secrets and variables in commands are filled in here, an emptyDir gets a name of its own, probes and
preStop are the caller's; the rest of the pod is played as it was rendered.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import yaml

from deploy.checks.manifests import Manifests, Object, Pod

PROBES = ("startupProbe", "readinessProbe", "livenessProbe", "lifecycle")


class PlayError(Exception):
    """Something that was played did not do what it should."""


@dataclass(frozen=True)
class Cluster:
    """What stands in for a cluster.

    Attributes:
        name: prefix of everything that is made, its network's name too.
        manifests: what was rendered.
        images: what to run in the place of images, by their names without a tag.
        secrets: values of the one Secret, by their keys.
    """

    name: str
    manifests: Manifests
    images: Mapping[str, str]
    secrets: Mapping[str, str]

    def pod(self, kind: str, name: str) -> Pod:
        (found,) = (pod for pod in self.manifests.pods if (pod.kind, pod.name) == (kind, name))
        return found

    def play(self, pod: Pod, suffix: str) -> Running:
        """Start a pod; its name ends in the suffix."""
        running = Running(f"{self.name}-{suffix}", pod)
        spec = copy.deepcopy(pod.spec)
        for container in spec["containers"]:
            self._prepare(container)
        for volume in spec.get("volumes", []):
            self._place(volume, spec, running.name)
        metadata = {"name": running.name, "labels": dict(pod.labels)}
        played = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        text = yaml.safe_dump_all([*self.manifests.of("ConfigMap"), played])
        podman("kube", "play", "--network", self.name, "-", stdin=text)
        return running

    def _prepare(self, container: Object) -> None:
        image = container["image"].rpartition("/")[2].partition(":")[0]
        container["image"] = self.images.get(image, container["image"])
        container.pop("ports", None)  # podman would take ports of the node for them
        for name in PROBES:
            container.pop(name, None)
        entries = [self._filled(entry) for entry in container.get("env", [])]
        container["env"] = [entry for entry in entries if entry is not None]
        values = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
        for name in ("command", "args"):
            if name in container:
                container[name] = [_expanded(text, values) for text in container[name]]

    def _filled(self, entry: Object) -> Object | None:
        reference = entry.get("valueFrom", {}).get("secretKeyRef")
        if reference is None:
            return entry
        if reference["key"] in self.secrets:
            return {"name": entry["name"], "value": self.secrets[reference["key"]]}
        if not reference.get("optional"):
            raise PlayError(f"the Secret has no {reference['key']}")
        return None

    def _place(self, volume: Object, spec: Object, pod: str) -> None:
        """Give a volume a name that is the pod's own, or the cluster's where it is shared."""
        claim = volume.get("persistentVolumeClaim")
        if claim is not None:
            claim["claimName"] = self.volume(claim["claimName"])
            return
        old, volume["name"] = volume["name"], f"{pod}-{volume['name']}"
        for container in spec["containers"]:
            for mount in container["volumeMounts"]:
                if mount["name"] == old:
                    mount["name"] = volume["name"]

    def volume(self, claim: str) -> str:
        return f"{self.name}-{claim}"


@dataclass(frozen=True)
class Running:
    """A pod that runs, or has run."""

    name: str
    pod: Pod

    @property
    def container(self) -> str:
        return f"{self.name}-{self.pod.spec['containers'][0]['name']}"

    @property
    def address(self) -> str:
        """Its IP address in the cluster's network."""
        infra = inspect("pod", self.name)["InfraContainerID"]
        (network,) = inspect("container", infra)["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])

    def url(self, probe: str) -> str:
        """Where a probe of its container asks."""
        get = self.pod.spec["containers"][0][probe]["httpGet"]
        port = self.pod.ports().get(get["port"], get["port"])
        return f"http://{self.address}:{port}{get['path']}"

    def started(self) -> float:
        """Wait as the startup probe does, and give the seconds that it took.

        Raises:
            PlayError: it is not ready within the probe's time.
        """
        probe = self.pod.spec["containers"][0]["startupProbe"]
        begun = time.monotonic()
        url = self.url("startupProbe")
        while time.monotonic() - begun < probe["periodSeconds"] * probe["failureThreshold"]:
            if answers(url):
                return time.monotonic() - begun
            time.sleep(0.1)
        raise PlayError(f"{self.name} is not ready:\n{self.logs()}")

    def ask(self, probe: str) -> bool:
        """Run a probe that is a command, in the container."""
        command = self.pod.spec["containers"][0][probe]["exec"]["command"]
        done = subprocess.run(["podman", "exec", self.container, *command], capture_output=True)
        return done.returncode == 0

    def finished(self, seconds: float) -> float:
        """Wait until it ends by itself, and give the seconds that it took.

        Raises:
            PlayError: it takes longer, or fails.
        """
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            state = inspect("container", self.container)["State"]
            if state["Status"] == "exited":
                if state["ExitCode"]:
                    raise PlayError(f"{self.name} ended with {state['ExitCode']}:\n{self.logs()}")
                return time.monotonic() - begun
            time.sleep(0.2)
        raise PlayError(f"{self.name} has not ended in {seconds} s:\n{self.logs()}")

    def end(self) -> float:
        """SIGTERM, and SIGKILL after the grace period; gives the seconds until it had ended.

        Raises:
            PlayError: it had to be killed.
        """
        grace = self.pod.spec["terminationGracePeriodSeconds"]
        begun = time.monotonic()
        podman("stop", "--time", str(grace - self.before_stop), self.container)
        took = time.monotonic() - begun
        code = inspect("container", self.container)["State"]["ExitCode"]
        if code == 128 + 9:
            raise PlayError(f"{self.name} was killed after {took:.1f} s:\n{self.logs()}")
        podman("pod", "rm", "--force", self.name)
        return took

    @property
    def before_stop(self) -> int:
        """Seconds that preStop sleeps."""
        hook = self.pod.spec["containers"][0].get("lifecycle", {}).get("preStop", {})
        return int(hook.get("sleep", {}).get("seconds", 0))

    def logs(self) -> str:
        done = subprocess.run(
            ["podman", "logs", "--tail", "20", self.container], capture_output=True, text=True
        )
        return done.stdout + done.stderr


def _expanded(text: str, values: Mapping[str, str]) -> str:
    """A command's word, with the variables that it names as `$(NAME)`."""
    return re.sub(r"\$\((\w+)\)", lambda found: values.get(found[1], found[0]), text)


def answers(url: str) -> bool:
    """Whether an address answers 200."""
    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def podman(*arguments: str, stdin: str | None = None) -> str:
    """Run podman, and give what it writes.

    Raises:
        PlayError: it fails; says what it said.
    """
    done = subprocess.run(["podman", *arguments], input=stdin, capture_output=True, text=True)
    if done.returncode:
        raise PlayError(f"podman {' '.join(arguments[:2])}: {done.stderr.strip()}")
    return done.stdout


def inspect(kind: str, name: str) -> dict[str, Any]:
    """What podman knows of something."""
    found = json.loads(podman(kind, "inspect", name))
    document: dict[str, Any] = found[0] if isinstance(found, list) else found
    return document
