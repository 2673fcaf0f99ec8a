"""Clients generated from the OpenAPI document work, and their types are correct."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from storage.artifacts import Store
from tests.support.servers import Server, running

pytestmark = pytest.mark.e2e

KEY = "a-generated-clients-key"
CLIENTS = Path(__file__).parent / "clients"
BIN = Path(sys.executable).parent
TYPESCRIPT = ("npx", "--no-install", "openapi-typescript", "openapi.json", "-o", "schema.d.ts")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, trained: Store) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("clients")
    with running(folder, trained, AUTH_MODE="required", API_KEY=KEY) as started:
        started.wait_for("/readyz")
        yield started


@pytest.fixture(scope="module")
def expected(server: Server) -> dict[str, Any]:
    """Expected output of both clients, from raw requests to the server."""
    body = {"store_nbr": 1, "family": "DAIRY", "horizon": 15}
    headers = {"X-API-Key": KEY}
    simple = server.request("POST", "/predict/simple", json=body, headers=headers).json()
    tree = server.request("GET", "/hierarchy?horizon=30&depth=1", headers=headers).json()
    return {
        "intervals": simple["forecast"][0]["intervals"],
        "older": simple["lower_80"],
        "code": "INVALID_STORE",
        "kinds": [15, "INVALID_FAMILY"],
        "children": len(tree["tree"]["children"]),
    }


@pytest.fixture
def document(server: Server, tmp_path: Path) -> Path:
    file = tmp_path / "openapi.json"
    file.write_bytes(server.get("/openapi.json").content)
    return file


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; fail with its output."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done


def test_a_python_client_is_generated_and_forecasts(
    server: Server, document: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    generated = run(
        tmp_path,
        *("openapi-python-client", "generate", "--meta", "none", "--path", str(document)),
        *("--output-path", "mlrf_client"),
    )
    warnings = generated.stderr  # only about CSV bodies, which it does not support
    assert warnings.count("WARNING") == warnings.count("Unsupported content type text/csv") == 2
    shutil.copy(CLIENTS / "use_client.py", tmp_path)
    # silent: the generator's own part of the client is not strict
    options = ("--strict", "--follow-imports=silent", f"--config-file={os.devnull}")
    run(tmp_path, "mypy", *options, "use_client.py")
    result = run(tmp_path, sys.executable, "use_client.py", MLRF_URL=server.url, MLRF_KEY=KEY)
    assert orjson.loads(result.stdout) == expected


@pytest.mark.skipif(shutil.which("npm") is None, reason="node and npm are not installed")
def test_a_typescript_client_is_generated_and_forecasts(
    server: Server, document: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    folder = Path(
        shutil.copytree(CLIENTS, tmp_path / "ts", ignore=shutil.ignore_patterns("node_modules"))
    )
    shutil.copy(document, folder)
    run(folder, "npm", "ci", "--prefer-offline", "--no-progress")
    run(folder, *TYPESCRIPT, "--default-non-nullable=false")
    run(folder, "npx", "--no-install", "tsc")
    result = run(folder, "node", "built/use_client.js", MLRF_URL=server.url, MLRF_KEY=KEY)
    assert orjson.loads(result.stdout) == expected
