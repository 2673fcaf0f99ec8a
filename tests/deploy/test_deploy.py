"""tools/deploy, with a kubectl that really renders and only records its other calls."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from config.paths import ROOT

KUBECTL = shutil.which("kubectl")
IMAGE = "registry.example/mlrf@sha256:" + "0" * 64
TRAIN = "registry.example/mlrf-train@sha256:" + "1" * 64
RECORDING_KUBECTL = """#!/bin/sh
[ "$1" = kustomize ] && exec {kubectl} "$@"
echo "$*" >> {notes}
[ "$1" = apply ] && cp "$3" {applied}
case "$*" in *" {failing} "*) exit 1;; esac
exit 0
"""

pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")


def deploy(
    folder: Path, *arguments: str, failing: str = "nothing"
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the script; return its result and the recorded calls of kubectl."""
    notes = folder / "notes"
    script = RECORDING_KUBECTL.format(
        kubectl=KUBECTL, notes=notes, applied=folder / "applied", failing=failing
    )
    (folder / "kubectl").write_text(script)
    (folder / "kubectl").chmod(0o755)
    done = subprocess.run(
        [ROOT / "tools" / "deploy", *arguments],
        env={**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, notes.read_text().splitlines() if notes.exists() else []


@pytest.mark.parametrize(
    ("overlay", "namespace"), [("staging", "mlrf-staging"), ("production", "mlrf")]
)
def test_the_database_is_migrated_before_servers_are_replaced(
    tmp_path: Path, overlay: str, namespace: str
) -> None:
    done, calls = deploy(tmp_path, overlay, IMAGE)
    assert done.returncode == 0, done.stderr
    verbs = [
        next(part for part in line.split() if part in {"delete", "apply", "wait", "rollout"})
        for line in calls
    ]
    assert verbs == ["delete", "apply", "wait", "apply", "rollout"]
    assert "app.kubernetes.io/component=migrate" in calls[1]
    assert "--selector" not in calls[3]
    assert all(line.startswith(f"--namespace {namespace} ") for line in (calls[0], calls[4]))


def test_every_pod_uses_the_images_of_the_arguments(tmp_path: Path) -> None:
    deploy(tmp_path, "production", IMAGE, TRAIN)
    text = (tmp_path / "applied").read_text()
    assert list(yaml.safe_load_all(text))
    images = set(re.findall(r"^ +(?:- )?image: (.*)$", text, re.MULTILINE))
    assert {image for image in images if "mlrf" in image} == {IMAGE, TRAIN}
    assert any("valkey" in image for image in images)


def test_servers_are_not_replaced_if_the_migration_fails(tmp_path: Path) -> None:
    done, calls = deploy(tmp_path, "staging", IMAGE, failing="wait")
    assert done.returncode != 0
    assert "wait" in calls[-1]


def test_an_unknown_overlay_changes_nothing(tmp_path: Path) -> None:
    done, calls = deploy(tmp_path, "stagging", IMAGE)
    assert done.returncode != 0
    assert calls == []
