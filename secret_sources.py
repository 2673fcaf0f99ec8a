"""Where secrets come from: files of their own, HashiCorp Vault, or AWS Secrets Manager.

Each source answers one call. What goes wrong is told by the name of a variable and the kind of
the error, never by the text of a library's error: it may quote what was sent or found.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from errors import InputError

FILE_SUFFIX = "_FILE"
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
"""Where Kubernetes puts the token of a pod's service account."""

TIMEOUT_SECONDS = 10
"""For each attempt to reach a manager of secrets."""


class Secrets(Protocol):
    """A place where secrets are kept."""

    def read(self) -> Mapping[str, Any]:
        """The secrets, by the names of the environment variables that they stand in for.

        Raises:
            InputError: they cannot be read.
        """
        ...


@dataclass(frozen=True)
class FileSecrets:
    """Secrets in files of their own, as Kubernetes and Docker mount them."""

    paths: Mapping[str, Path]

    @classmethod
    def named_by(cls, variables: Mapping[str, str], names: Collection[str]) -> FileSecrets:
        """The files to which `<name>_FILE` leads.

        Raises:
            InputError: a secret is given by both of its variables.
        """
        given = [name for name in names if variables.get(name + FILE_SUFFIX)]
        for name in given:
            if variables.get(name):
                raise InputError(f"{name}: {name}{FILE_SUFFIX} is set too; leave one of them out")
        return cls({name: Path(variables[name + FILE_SUFFIX]) for name in given})

    def read(self) -> Mapping[str, str]:
        return {
            name: _text(path, f"{name}{FILE_SUFFIX}: its file") for name, path in self.paths.items()
        }


@dataclass(frozen=True)
class VaultAccess:
    """How Vault is reached: by a token, or in the role of a Kubernetes service account."""

    address: str | None = None
    token: str | None = field(default=None, repr=False)
    role: str | None = None
    namespace: str | None = None
    account: Path = SERVICE_ACCOUNT


@dataclass(frozen=True)
class VaultSecrets:
    """The newest version of one secret in a KV engine of version 2."""

    mount: str
    path: str
    access: VaultAccess

    def read(self) -> Mapping[str, Any]:
        if not self.access.address:
            raise InputError("VAULT_ADDR: is needed to read secrets from Vault, and is not set")
        if bool(self.access.token) == bool(self.access.role):
            raise InputError("VAULT_TOKEN: either it or VAULT_ROLE is needed, and not both")
        hvac = _library("hvac", extra="vault")
        with _reading(f"vault://{self.mount}/{self.path}"):
            client = hvac.Client(
                url=self.access.address,
                token=self.access.token or "",  # with None, hvac looks for one by itself
                namespace=self.access.namespace,
                timeout=TIMEOUT_SECONDS,
            )
            if self.access.role:
                jwt = _text(self.access.account, "VAULT_ROLE: the service account's token")
                client.auth.kubernetes.login(role=self.access.role, jwt=jwt)
            answer = client.secrets.kv.v2.read_secret_version(
                path=self.path, mount_point=self.mount, raise_on_deleted_version=True
            )
            return dict(answer["data"]["data"])


@dataclass(frozen=True)
class AwsSecrets:
    """One secret of AWS Secrets Manager, a JSON object of names and values.

    Region and credentials are found by boto3, as everywhere on AWS.
    """

    secret_id: str

    def read(self) -> Mapping[str, Any]:
        location = f"aws://{self.secret_id}"
        boto3, config = _library("boto3", extra="aws"), _library("botocore.config", extra="aws")
        with _reading(location):
            client = boto3.client(
                "secretsmanager",
                config=config.Config(
                    connect_timeout=TIMEOUT_SECONDS,
                    read_timeout=TIMEOUT_SECONDS,
                    retries={"mode": "standard", "total_max_attempts": 3},
                ),
            )
            text = client.get_secret_value(SecretId=self.secret_id).get("SecretString", "")
        return _object(text, location)


def secrets_at(location: str, vault: VaultAccess) -> Secrets:
    """The source that `SECRETS_FROM` names.

    Raises:
        InputError: it names none.
    """
    scheme, _, rest = location.partition("://")
    mount, _, path = rest.partition("/")
    if scheme == "vault" and mount and path:
        return VaultSecrets(mount, path, vault)
    if scheme == "aws" and rest:
        return AwsSecrets(rest)
    raise InputError("SECRETS_FROM: vault://<mount>/<path> or aws://<secret id> is expected")


def read_manager(location: str, vault: VaultAccess, names: Collection[str]) -> Mapping[str, Any]:
    """Those of `names` that the source at `location` has a value for.

    Raises:
        InputError: it cannot be read, or has none of them.
    """
    found = secrets_at(location, vault).read()
    ours = {name: found[name] for name in names if found.get(name) not in (None, "")}
    if not ours:
        raise InputError(f"SECRETS_FROM: {location} has none of {', '.join(names)}")
    return ours


def _text(path: Path, what: str) -> str:
    """What a file holds, without the newline at its end; faults say `what`, not where it is."""
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise InputError(f"{what} cannot be read: {error.strerror}") from None
    except ValueError:  # not UTF-8, or no path at all
        raise InputError(f"{what} cannot be read as UTF-8 text") from None
    if not text:
        raise InputError(f"{what} is empty")
    return text


def _object(text: str, location: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError(f"SECRETS_FROM: {location} is not a JSON object of names and values")
    return found


def _library(name: str, *, extra: str) -> Any:
    """A client library, which only those need who keep their secrets there."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"SECRETS_FROM: {error.name} is not installed: this needs the extra `{extra}` of this "
            f"project, pip install -e '.[{extra}]'"
        ) from None


@contextmanager
def _reading(location: str) -> Iterator[None]:
    """Whatever a library raises, as an InputError that says its kind alone."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # also those that its transport or its codec lets through
        raise InputError(f"SECRETS_FROM: {location} cannot be read: {_kind(error)}") from None


def _kind(error: Exception) -> str:
    """The name of an error, or the code that AWS gave it."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(code or type(error).__name__)
