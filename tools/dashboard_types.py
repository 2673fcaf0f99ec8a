"""Write the types of the API for the dashboard, from the OpenAPI document.

    .venv/bin/python -m tools.dashboard_types [--check]

The generator is a package of dashboard/ (`npm ci` there brings it). With `--check` nothing is
written, and a file that is not as the API is now fails.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import orjson

from api.docs.openapi import openapi
from api.operations import OPERATIONS
from config.paths import ROOT
from tools.node import node_environment

DASHBOARD = ROOT / "dashboard"
TARGET = DASHBOARD / "src" / "api" / "schema.d.ts"


def main() -> None:
    if "--check" not in sys.argv[1:]:
        write_types(TARGET)
        return
    with tempfile.TemporaryDirectory() as folder:
        current = Path(folder) / TARGET.name
        write_types(current)
        if current.read_bytes() != TARGET.read_bytes():
            name = TARGET.relative_to(ROOT)
            raise SystemExit(f"{name} is not as the API is now: run `make dashboard-types`.")


def write_types(target: Path) -> None:
    """Write the types of the API as it is now.

    Raises:
        SystemExit: the generator is not installed, or failed.
    """
    generator = DASHBOARD / "node_modules" / ".bin" / "openapi-typescript"
    if not generator.exists():
        raise SystemExit("The generator is not installed: run `npm ci` in dashboard/.")
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "openapi.json"
        document.write_bytes(orjson.dumps(openapi(OPERATIONS)))
        # a member with a default may be left out of a request
        options = ["--default-non-nullable=false", "--output", str(target)]
        command = [str(generator), str(document), *options]
        done = subprocess.run(
            command, env=node_environment(), capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(f"openapi-typescript failed:\n{done.stderr or done.stdout}")


if __name__ == "__main__":
    main()
