"""The dashboard's JSON against Grafana's own schema, by the TypeScript compiler."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.paths import ROOT
from tools.grafana.dashboard import TARGET
from tools.node import node_environment

SCHEMA = ROOT / "tools" / "grafana" / "schema"
MODULES = SCHEMA / "node_modules"

pytestmark = pytest.mark.skipif(
    not MODULES.exists(), reason="needs `npm ci` in tools/grafana/schema"
)


def check(dashboard: Any, folder: Path) -> str:
    """Return the findings of the compiler."""
    for name in ("checked.ts", "tsconfig.json"):
        shutil.copy(SCHEMA / name, folder)
    (folder / "node_modules").symlink_to(MODULES.resolve())
    (folder / "dashboard.ts").write_text(
        'import type { Checked } from "./checked";\n'
        f"export const dashboard: Checked = {json.dumps(dashboard)};\n"
    )
    result = subprocess.run(
        ["node", MODULES / "typescript" / "bin" / "tsc", "--project", folder],
        env=node_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout + result.stderr


def test_the_dashboard_has_the_types_of_grafana(tmp_path: Path) -> None:
    assert check(json.loads(TARGET.read_text(encoding="utf-8")), tmp_path) == ""


BROKEN: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a field of a panel": lambda panel: panel.update(titel="Requests"),
    "a type of a panel": lambda panel: panel.update(type="timeserie"),
    "an option of a panel": lambda panel: panel["options"].update(tooltip={"mode": "many"}),
    "a style of curves": lambda panel: panel["fieldConfig"]["defaults"]["custom"].update(
        fillOpacity="8"
    ),
    "a threshold": lambda panel: panel["fieldConfig"]["defaults"]["thresholds"].update(mode="abs"),
}


@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN)
def test_a_wrong_part_is_found(spoil: Callable[[dict[str, Any]], Any], tmp_path: Path) -> None:
    dashboard = json.loads(TARGET.read_text(encoding="utf-8"))
    spoil(next(each for each in dashboard["panels"] if each["type"] == "timeseries"))
    assert "error TS" in check(dashboard, tmp_path)
