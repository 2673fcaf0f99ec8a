"""The command that starts the server."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from ipaddress import ip_address

from artifacts import Store
from cli.database import database
from cli.model import train_model
from cli.progress import err
from settings import ROOT, AuthMode, Settings, get_settings


def serve() -> None:
    """Serve the current model; trains one on the demo data if there is none.

    In an image that cannot train it serves without one, and is not ready until there is one.
    """
    settings = get_settings()
    trained = settings.store.pointer.exists()  # a damaged one is an error, not a reason to train
    if not trained and find_spec("training"):
        err.print("No model yet: training one on the built-in demo data.")
        train_model(None, None)
    served = _served(settings.store)
    if _alone(settings):
        os.environ["AUTH_MODE"] = AuthMode.DISABLED
        err.print(
            "[bold]Without authentication[/]: no key is configured, so this answers the machine "
            "it runs on and nobody else. Set API_KEY, or AUTH_MODE=required, to change that."
        )
    url = f"http://{settings.host}:{settings.port}"
    err.print(f"Serving {served} at [bold]{url}[/]. Try:\n")
    err.print(
        f"  curl {url}/health\n"
        f"  curl -X POST {url}/predict/simple -H 'Content-Type: application/json' \\\n"
        """    -d '{"store_nbr": 1, "family": "LIQUOR,WINE,BEER", "horizon": 15}'\n"""
        f"  curl '{url}/hierarchy?horizon=30&depth=1'\n",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    command = [
        *(sys.executable, "-m", "bentoml", "serve", "service:MLRF"),
        *("--working-dir", str(ROOT)),
        *("--host", settings.host, "--port", str(settings.port)),
        *("--timeout-graceful-shutdown", str(settings.graceful_shutdown_seconds)),
    ]
    os.environ["ARTIFACTS_DIR"] = str(settings.artifacts_dir.resolve())  # the server is in ROOT
    os.execv(sys.executable, command)  # signals reach the server itself


def _served(store: Store) -> str:
    if not store.pointer.exists():
        return "no model, and not ready, until one is trained,"
    return f"bundle [bold]{store.current().bundle}[/]"


def _alone(settings: Settings) -> bool:
    """Whether to serve this machine without keys: it is bound to no other, and there is no key."""
    if "auth_mode" in settings.model_fields_set:
        return False
    configured = settings.api_key or settings.jwt_secret or settings.jwt_keys_file
    return not configured and _is_loopback(settings.host) and not _has_keys()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _has_keys() -> bool:
    from storage.key_store import KeyStore

    with database() as engine:
        return bool(KeyStore(engine).list())
