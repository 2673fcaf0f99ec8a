"""The OpenID provider of the dashboard's tests, which runs in Node."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from config.paths import ROOT
from tests.support.absent import skip_without
from tools.node import NodeError, node_environment

_DASHBOARD = ROOT / "dashboard"
_STOP_SECONDS = 10


@dataclass(frozen=True)
class Provider:
    """A running provider, and the client of the dashboard at it.

    Attributes:
        keys: the public keys of its tokens, as a JWK set.
    """

    issuer: str
    client_id: str
    audience: str
    scope: str
    keys: str

    def settings(self, folder: Path) -> dict[str, str]:
        """Return the settings of a server that accepts its tokens; write its keys to a folder."""
        keys_file = folder / "keys.json"
        keys_file.write_text(self.keys, encoding="utf-8")
        return {
            "JWT_KEYS_FILE": str(keys_file),
            "JWT_ISSUER": self.issuer,
            "JWT_AUDIENCE": self.audience,
            "SIGN_IN_CLIENT_ID": self.client_id,
            "SIGN_IN_SCOPE": self.scope,
        }


@contextmanager
def provider(redirect_uris: Sequence[str], *, scopes: str) -> Iterator[Provider]:
    """Run a provider until the block ends; skip the test where it cannot be run.

    Args:
        redirect_uris: pages of the sign-in that it leads back to.
        scopes: of this service that it gives to everyone, separated by spaces.
    """
    if not (_DASHBOARD / "node_modules" / "oidc-provider").is_dir():
        skip_without("the packages of the dashboard are not installed", "run make dashboard-test")
    try:
        environment = node_environment()
    except NodeError as error:
        skip_without(str(error), "install Node")
    command = ["node", "test-provider.mjs", "--scopes", scopes, "--account", "ana"]
    command += [part for uri in redirect_uris for part in ("--redirect-uri", uri)]
    process = subprocess.Popen(
        command,
        cwd=_DASHBOARD,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield _read_provider(process)
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


def _read_provider(process: subprocess.Popen[str]) -> Provider:
    """Return what a provider prints once it listens."""
    assert process.stdout is not None
    printed = json.loads(process.stdout.readline())
    keys = httpx.get(printed["jwks_uri"], trust_env=False).raise_for_status().text
    names = ("issuer", "client_id", "audience", "scope")
    return Provider(**{name: printed[name] for name in names}, keys=keys)
