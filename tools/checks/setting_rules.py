"""Rules of settings and secrets: every variable is a known setting, no secret is in a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from config.reference import variables
from config.settings import SecretManager, Settings, describe_faults
from config.topics import ClusterSettings
from tools.checks.findings import Finding
from tools.checks.manifests import Manifests, Object, name_of

SECRETS = frozenset({*Settings.secrets(), *SecretManager.secrets()})
OURS = re.compile(r"mlrf(-train)?")
"""Image names of the containers whose environment our settings read."""

_CREDENTIALS = re.compile(r"://[^\s/@]*:[^\s/@{$]+@")
_KEY = re.compile(r"mlrf_[A-Za-z0-9]{8,}_[A-Za-z0-9]{40,}")


def known_variables(manifests: Manifests) -> Iterator[Finding]:
    """Refuse variables that are not settings, of a server or of the commands of jobs."""
    read = {*variables()}
    for each in manifests.of("ConfigMap"):
        for name in set(each["data"]) - read:
            yield Finding(f"ConfigMap/{name_of(each)}", f"{name} is not a setting of the service")
    of_commands = read | {name.upper() for name in ClusterSettings.model_fields}
    for pod in manifests.pods:
        for container in pod.containers:
            image = container["image"].rpartition("/")[2].partition(":")[0].partition("@")[0]
            if OURS.fullmatch(image):
                for name in _own_variables(container) - of_commands:
                    yield Finding(pod.owner, f"{name} is not a setting of the service")


def _own_variables(container: Object) -> set[str]:
    """Return the variables that our settings would read.

    Dask reads those of its processes itself, and Kubernetes puts others into a command.
    """
    command = container.get("command", [])
    names = {entry["name"] for entry in container.get("env", [])}
    if command[:3] == ["python", "-m", "dask"]:
        names = {name for name in names if not name.startswith("DASK_")}
    return {name for name in names if not any(f"$({name})" in word for word in command)}


def valid_settings(manifests: Manifests) -> Iterator[Finding]:
    """Require settings that a server starts with."""
    for each in manifests.of("ConfigMap"):
        values = {name.lower(): text for name, text in each["data"].items() if text}
        secrets = {
            "database_url": "postgresql://h/d",
            "redis_url": "redis://h",
            "api_key": "k" * 16,
        }
        try:
            settings = Settings.model_validate({**values, **secrets})
        except ValidationError as error:
            yield Finding(f"ConfigMap/{name_of(each)}", describe_faults(error))
            continue
        if settings.workers != 1:
            yield Finding(f"ConfigMap/{name_of(each)}", "a pod has one worker; pods are scaled")
        for pod in manifests.pods:
            if pod.ports().get("http", settings.port) != settings.port:
                yield Finding(pod.owner, "its port is not PORT")


def no_secrets(manifests: Manifests) -> Iterator[Finding]:
    """Refuse secrets in the manifests: they may only be referred to."""
    for each in manifests.objects:
        where = f"{each['kind']}/{name_of(each)}"
        if each["kind"] == "Secret":
            yield Finding(where, "is a secret in a file")
        for text in _texts(each):
            if _CREDENTIALS.search(text) or _KEY.search(text):
                yield Finding(where, "holds a secret")
    for each in manifests.of("ConfigMap"):
        for name in SECRETS & set(each["data"]):
            yield Finding(f"ConfigMap/{name_of(each)}", f"holds {name}")
    for pod in manifests.pods:
        for entry in pod.environment():
            if _is_secret(entry) and "secretKeyRef" not in entry.get("valueFrom", {}):
                yield Finding(pod.owner, f"{entry['name']} is not from a Secret")


def _is_secret(entry: Object) -> bool:
    name = entry["name"]
    return name in SECRETS or name.endswith(("PASSWORD", "_TOKEN", "CLI_AUTH"))


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, Mapping):
        for value in part.values():
            yield from _texts(value)
    elif isinstance(part, list):
        for value in part:
            yield from _texts(value)
