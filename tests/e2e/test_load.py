"""A complete load run, as `make load` starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from config.paths import ROOT
from storage.artifacts import Store

pytestmark = pytest.mark.e2e


def test_every_call_is_made_and_answered_and_nothing_is_left_running(
    trained: Store, tmp_path: Path
) -> None:
    before = (trained.pointer.read_bytes(), sorted(trained.root.rglob("*")))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-m", "load.run", "smoke", "--key", "large", "--seconds", "4"]
    done = subprocess.run(
        [*command, "--artifacts", str(trained.root), "--out", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
    metrics = json.loads((tmp_path / "k6.json").read_text(encoding="utf-8"))["metrics"]
    for call in ("simple", "hierarchy", "batch", "whatif", "explain"):
        counts = metrics[f"errors{{part:measured,call:{call}}}"]["values"]
        assert counts["passes"] == 0
        assert counts["fails"] > 0
    assert "All 1 thresholds held" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '"client":"load-large"' in (tmp_path / "server.log").read_text().replace(": ", ":")
    assert before == (trained.pointer.read_bytes(), sorted(trained.root.rglob("*")))
    assert [p for p in psutil.process_iter(["cmdline"]) if _mentions(p, scratch)] == []


def _mentions(process: psutil.Process, folder: Path) -> bool:
    return any(str(folder) in part for part in process.info["cmdline"] or [])
