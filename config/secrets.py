"""Sources of secrets: files, HashiCorp Vault, AWS Secrets Manager.

Messages contain the name of a variable and the kind of an error, never the text of a library's
error: it may quote a secret that was sent or received.
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
"""Path at which Kubernetes mounts the token of a pod's service account."""

TIMEOUT_SECONDS = 10
"""Time-out of each attempt to reach a secret manager."""


class Secrets(Protocol):
    """Protocol of a source of secrets."""

    def read(self) -> Mapping[str, Any]:
        """Return the secrets, by the names of their environment variables.

        Raises:
            InputError: they cannot be read.
        """
        ...


@dataclass(frozen=True)
class FileSecrets:
    """Secrets in one file each, as Kubernetes and Docker mount them."""

    paths: Mapping[str, Path]

    @classmethod
    def from_variables(cls, variables: Mapping[str, str], names: Collection[str]) -> FileSecrets:
        """Collect the paths in `<name>_FILE` for each of `names`.

        A variable with an empty value counts as unset.

        Raises:
            InputError: `<name>` and `<name>_FILE` are both set.
        """
        from_files = [name for name in names if variables.get(name + FILE_SUFFIX)]
        for name in from_files:
            if variables.get(name):
                raise InputError(f"{name}: {name}{FILE_SUFFIX} is set too; leave one of them out")
        return cls({name: Path(variables[name + FILE_SUFFIX]) for name in from_files})

    def read(self) -> Mapping[str, str]:
        return {
            name: _read_text(path, f"{name}{FILE_SUFFIX}: its file")
            for name, path in self.paths.items()
        }


@dataclass(frozen=True)
class VaultAccess:
    """Address of Vault, and the credential for it: a token, or a role for a service account."""

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
        hvac = _import_library("hvac", extra="vault")
        with _report_kind_only(f"vault://{self.mount}/{self.path}"):
            client = hvac.Client(
                url=self.access.address,
                token=self.access.token or "",  # with None, hvac would search for a token itself
                namespace=self.access.namespace,
                timeout=TIMEOUT_SECONDS,
            )
            if self.access.role:
                jwt = _read_text(self.access.account, "VAULT_ROLE: the service account's token")
                client.auth.kubernetes.login(role=self.access.role, jwt=jwt)
            answer = client.secrets.kv.v2.read_secret_version(
                path=self.path, mount_point=self.mount, raise_on_deleted_version=True
            )
            return dict(answer["data"]["data"])


@dataclass(frozen=True)
class AwsSecrets:
    """One secret of AWS Secrets Manager, a JSON object of names and values.

    boto3 determines region and credentials in its usual way.
    """

    secret_id: str

    def read(self) -> Mapping[str, Any]:
        location = f"aws://{self.secret_id}"
        boto3, config = (
            _import_library("boto3", extra="aws"),
            _import_library("botocore.config", extra="aws"),
        )
        with _report_kind_only(location):
            client = boto3.client(
                "secretsmanager",
                config=config.Config(
                    connect_timeout=TIMEOUT_SECONDS,
                    read_timeout=TIMEOUT_SECONDS,
                    retries={"mode": "standard", "total_max_attempts": 3},
                ),
            )
            text = client.get_secret_value(SecretId=self.secret_id).get("SecretString", "")
        return _parse_object(text, location)


def secrets_at(location: str, vault: VaultAccess) -> Secrets:
    """Return the source for a value of `SECRETS_FROM`.

    Raises:
        InputError: the value has neither form.
    """
    scheme, _, rest = location.partition("://")
    mount, _, path = rest.partition("/")
    if scheme == "vault" and mount and path:
        return VaultSecrets(mount, path, vault)
    if scheme == "aws" and rest:
        return AwsSecrets(rest)
    raise InputError("SECRETS_FROM: vault://<mount>/<path> or aws://<secret id> is expected")


def read_manager(location: str, vault: VaultAccess, names: Collection[str]) -> Mapping[str, Any]:
    """Return the secrets among `names` for which the source at `location` has a value.

    Raises:
        InputError: it cannot be read, or has none of them.
    """
    secrets = secrets_at(location, vault).read()
    ours = {name: secrets[name] for name in names if secrets.get(name) not in (None, "")}
    if not ours:
        raise InputError(f"SECRETS_FROM: {location} has none of {', '.join(names)}")
    return ours


def _read_text(path: Path, what: str) -> str:
    """Read a file without its final newlines; errors contain `what` instead of its path."""
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise InputError(f"{what} cannot be read: {error.strerror}") from None
    except ValueError:  # not UTF-8, or no path at all
        raise InputError(f"{what} cannot be read as UTF-8 text") from None
    if not text:
        raise InputError(f"{what} is empty")
    return text


def _parse_object(text: str, location: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise InputError(f"SECRETS_FROM: {location} is not a JSON object of names and values")
    return document


def _import_library(name: str, *, extra: str) -> Any:
    """Import a client library, which is an optional dependency."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"SECRETS_FROM: {error.name} is not installed: this needs the extra `{extra}` of this "
            f"project, pip install -e '.[{extra}]'"
        ) from None


@contextmanager
def _report_kind_only(location: str) -> Iterator[None]:
    """Turn any exception of a library into an InputError with its kind only."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # of the library, its transport or a codec
        raise InputError(f"SECRETS_FROM: {location} cannot be read: {_error_kind(error)}") from None


def _error_kind(error: Exception) -> str:
    """Return the AWS code of an error, else the name of its class."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(code or type(error).__name__)
