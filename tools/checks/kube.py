"""Running pods with `podman kube play`: start a pod, run its probes, stop it.

podman supports no Secret, CronJob or Service, and runs neither hooks nor, without systemd, probes.
This module fills in secrets and variables in commands and makes the name of an emptyDir unique to
its pod; the caller runs probes and preStop. The rest of the pod is played as rendered.
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

from tools.checks.manifests import Manifests, Object, Pod

PROBES = ("startupProbe", "readinessProbe", "livenessProbe", "lifecycle")


class PlayError(Exception):
    """A failure of a pod or of the environment it runs in."""


@dataclass(frozen=True)
class Cluster:
    """A substitute for a cluster: rendered manifests, images and secrets, run by podman.

    Attributes:
        name: prefix of everything that is created; also the name of its network.
        manifests: the rendered manifests.
        images: image to run in place of a rendered one, by the latter's name without registry
            and tag.
        secrets: values of the Secret, by key.
    """

    name: str
    manifests: Manifests
    images: Mapping[str, str]
    secrets: Mapping[str, str]

    def pod(self, kind: str, name: str) -> Pod:
        (match,) = (pod for pod in self.manifests.pods if (pod.kind, pod.name) == (kind, name))
        return match

    def play(self, pod: Pod, suffix: str) -> RunningPod:
        """Start a pod; its name ends in the suffix."""
        running = RunningPod(f"{self.name}-{suffix}", pod)
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
        container.pop("ports", None)  # podman would publish them on the host
        for name in PROBES:
            container.pop(name, None)
        entries = [self._resolve_secret(entry) for entry in container.get("env", [])]
        container["env"] = [entry for entry in entries if entry is not None]
        values = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
        for name in ("command", "args"):
            if name in container:
                container[name] = [_expand_variables(text, values) for text in container[name]]

    def _resolve_secret(self, entry: Object) -> Object | None:
        reference = entry.get("valueFrom", {}).get("secretKeyRef")
        if reference is None:
            return entry
        if reference["key"] in self.secrets:
            return {"name": entry["name"], "value": self.secrets[reference["key"]]}
        if not reference.get("optional"):
            raise PlayError(f"the Secret has no {reference['key']}")
        return None

    def _place(self, volume: Object, spec: Object, pod: str) -> None:
        """Rename a volume so that it is the pod's own, or the cluster's if it is a claim."""
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
class RunningPod:
    """A pod that was started, and may have ended."""

    name: str
    pod: Pod

    @property
    def container(self) -> str:
        return f"{self.name}-{self.pod.spec['containers'][0]['name']}"

    @property
    def address(self) -> str:
        """IP address of the pod in the cluster's network."""
        infra = inspect("pod", self.name)["InfraContainerID"]
        (network,) = inspect("container", infra)["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])

    def probe_url(self, probe: str) -> str:
        """Return the address that an HTTP probe of its container requests."""
        get = self.pod.spec["containers"][0][probe]["httpGet"]
        port = self.pod.ports().get(get["port"], get["port"])
        return f"http://{self.address}:{port}{get['path']}"

    def wait_until_started(self) -> float:
        """Wait as the startup probe does, and return the seconds that the start took.

        Raises:
            PlayError: the pod has not started within the probe's time.
        """
        probe = self.pod.spec["containers"][0]["startupProbe"]
        start = time.monotonic()
        url = self.probe_url("startupProbe")
        while time.monotonic() - start < probe["periodSeconds"] * probe["failureThreshold"]:
            if answers(url):
                return time.monotonic() - start
            time.sleep(0.1)
        raise PlayError(f"{self.name} is not ready:\n{self.logs()}")

    def run_probe(self, probe: str) -> bool:
        """Run an exec probe in the container; return whether it succeeds."""
        command = self.pod.spec["containers"][0][probe]["exec"]["command"]
        done = subprocess.run(["podman", "exec", self.container, *command], capture_output=True)
        return done.returncode == 0

    def wait_until_finished(self, seconds: float) -> float:
        """Wait until the pod ends by itself, and return the seconds that it took.

        Raises:
            PlayError: it takes longer, or fails.
        """
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            state = inspect("container", self.container)["State"]
            if state["Status"] == "exited":
                if state["ExitCode"]:
                    raise PlayError(f"{self.name} ended with {state['ExitCode']}:\n{self.logs()}")
                return time.monotonic() - start
            time.sleep(0.2)
        raise PlayError(f"{self.name} has not ended in {seconds} s:\n{self.logs()}")

    def stop(self) -> float:
        """Stop the pod as Kubernetes does, and return the seconds that it took.

        SIGTERM is sent first, and SIGKILL after the grace period, of which preStop takes a part.

        Raises:
            PlayError: it had to be killed.
        """
        grace = self.pod.spec["terminationGracePeriodSeconds"]
        start = time.monotonic()
        podman("stop", "--time", str(grace - self.before_stop), self.container)
        took = time.monotonic() - start
        code = inspect("container", self.container)["State"]["ExitCode"]
        if code == 128 + 9:  # SIGKILL
            raise PlayError(f"{self.name} was killed after {took:.1f} s:\n{self.logs()}")
        podman("pod", "rm", "--force", self.name)
        return took

    @property
    def before_stop(self) -> int:
        """Duration of the preStop sleep, in seconds."""
        hook = self.pod.spec["containers"][0].get("lifecycle", {}).get("preStop", {})
        return int(hook.get("sleep", {}).get("seconds", 0))

    def logs(self) -> str:
        done = subprocess.run(
            ["podman", "logs", "--tail", "20", self.container], capture_output=True, text=True
        )
        return done.stdout + done.stderr


def _expand_variables(text: str, values: Mapping[str, str]) -> str:
    """Expand `$(NAME)` in a word of a command; unknown variables stay as they are."""
    return re.sub(r"\$\((\w+)\)", lambda match: values.get(match[1], match[0]), text)


def answers(url: str) -> bool:
    """Return whether an address answers 200."""
    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def podman(*arguments: str, stdin: str | None = None) -> str:
    """Run podman and return its standard output.

    Raises:
        PlayError: it fails; the message is its standard error.
    """
    done = subprocess.run(["podman", *arguments], input=stdin, capture_output=True, text=True)
    if done.returncode:
        raise PlayError(f"podman {' '.join(arguments[:2])}: {done.stderr.strip()}")
    return done.stdout


def inspect(kind: str, name: str) -> dict[str, Any]:
    """Return podman's description of a pod, container, network or other object."""
    description = json.loads(podman(kind, "inspect", name))
    document: dict[str, Any] = description[0] if isinstance(description, list) else description
    return document
