"""The command that starts the server."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from ipaddress import ip_address

from cli.database import database
from cli.model import train_model
from cli.preflight import preflight, resolve
from cli.progress import err, warn
from config.paths import ROOT
from config.settings import Settings, Shell, get_settings
from config.topics import AuthMode
from errors import InputError
from storage.artifacts import ArtifactError, Store


def serve() -> None:
    """Serve the current model; trains one on the demo data if there is none.

    With ARTIFACTS_URL the model is the one that is published there.

    In an image that cannot train it serves without one, and is not ready until there is one.
    """
    settings = get_settings()
    for warning in preflight(settings):
        err.print(f"mlrf: warning: {warning}", style="yellow", markup=False, soft_wrap=True)
    if settings.artifacts_url:
        _fetch_release(settings.artifacts_url, settings.store)
    trained = settings.store.pointer.exists()  # a damaged release is an error: do not retrain
    if not trained and find_spec("training"):
        err.print("No model yet: training one on the built-in demo data.")
        train_model(None, None)
    description = _describe_served(settings.store)
    local_only = _is_local_only(settings)
    if local_only:
        os.environ["AUTH_MODE"] = AuthMode.DISABLED
        err.print(
            "[bold]Without authentication[/]: no key is configured, so this answers the machine "
            "it runs on and nobody else. Set API_KEY, or AUTH_MODE=required, to change that."
        )
    needs_key = not local_only and settings.auth_mode is AuthMode.REQUIRED
    _announce_server(settings, description, credential_header(settings) if needs_key else None)
    # BentoML's supervisor takes numeric addresses only
    _, address = resolve(settings.host, settings.port)
    command = [
        *(sys.executable, "-m", "bentoml", "serve", "service:MLRF"),
        *("--working-dir", str(ROOT)),
        *("--host", address, "--port", str(settings.port)),
        *("--timeout-graceful-shutdown", str(settings.graceful_shutdown_seconds)),
    ]
    os.environ["ARTIFACTS_DIR"] = str(settings.artifacts_dir.resolve())  # the server runs in ROOT
    os.execv(sys.executable, command)  # replaces this process, so that the server gets signals


def _fetch_release(url: str, store: Store) -> None:
    """Fetch the release of a URL; if that fails, warn and leave what is served as it is.

    Raises:
        InputError: it failed, and there is no release to serve instead.
    """
    from lifecycle.publication import fetch_release

    err.print(f"Fetching the release of {url}.", markup=False, highlight=False, soft_wrap=True)
    try:
        fetch_release(url, store)
    except (InputError, ArtifactError) as error:
        if not store.pointer.exists():
            raise InputError(
                f"ARTIFACTS_URL: {error}. There is no release in {store.root} to serve instead"
            ) from None
        warn(f"ARTIFACTS_URL: {error}. The release in {store.root} is served instead")


def _announce_server(settings: Settings, description: str, header: str | None) -> None:
    """Print the served bundle, the URL, and three example requests that will succeed."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{settings.port}"
    with_key = f" -H {header}" if header else ""
    if err.as_json:
        err.print(f"Serving {description} at {url}.")
        return
    err.print(f"Serving {description} at [bold]{url}[/]. Try:\n")
    err.print(
        f"  curl {url}/health{with_key}\n"
        f"  curl -X POST {url}/predict/simple{with_key} -H 'Content-Type: application/json' \\\n"
        """    -d '{"store_nbr": 1, "family": "LIQUOR,WINE,BEER", "horizon": 15}'\n"""
        f"  curl '{url}/hierarchy?horizon=30&depth=1'{with_key}\n",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def credential_header(settings: Settings) -> str:
    """Return the header with the credential of a request, quoted for a shell.

    It refers to a secret by its variable, so that no secret is printed to the terminal.
    """
    shell = Shell()
    if shell.api_key:
        return '"X-API-Key: $API_KEY"'
    if shell.api_key_file:
        return '"X-API-Key: $(cat "$API_KEY_FILE")"'
    if settings.api_key is None and (settings.jwt_secret or settings.jwt_keys_file):
        return "'Authorization: Bearer <token>'"
    return "'X-API-Key: <key>'"


def _describe_served(store: Store) -> str:
    if not store.pointer.exists():
        return "no model, and not ready, until one is trained,"
    return f"bundle [bold]{store.current().bundle}[/]"


def _is_local_only(settings: Settings) -> bool:
    """Return whether to serve without keys: HOST is loopback, and no key is configured."""
    if "auth_mode" in settings.model_fields_set:
        return False
    configured = settings.api_key or settings.jwt_secret or settings.jwt_keys_file
    return not configured and _is_loopback(settings.host) and not _has_keys()


def _is_loopback(host: str) -> bool:
    return ip_address(resolve(host, 0)[1]).is_loopback


def _has_keys() -> bool:
    from storage.key_store import KeyStore

    with database() as engine:
        return bool(KeyStore(engine).list())
