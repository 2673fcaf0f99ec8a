"""scripts/deploy, with a kubectl that renders as the real one does and only notes the rest."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from settings import ROOT

KUBECTL = shutil.which("kubectl")
IMAGE = "registry.example/mlrf@sha256:" + "0" * 64
TRAIN = "registry.example/mlrf-train@sha256:" + "1" * 64
NOTING = """#!/bin/sh
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
    """How it went, and what kubectl was asked to do."""
    notes = folder / "notes"
    told = NOTING.format(kubectl=KUBECTL, notes=notes, applied=folder / "applied", failing=failing)
    (folder / "kubectl").write_text(told)
    (folder / "kubectl").chmod(0o755)
    done = subprocess.run(
        [ROOT / "scripts" / "deploy", *arguments],
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
    done, asked = deploy(tmp_path, overlay, IMAGE)
    assert done.returncode == 0, done.stderr
    acts = [
        next(part for part in line.split() if part in {"delete", "apply", "wait", "rollout"})
        for line in asked
    ]
    assert acts == ["delete", "apply", "wait", "apply", "rollout"]
    assert "app.kubernetes.io/component=migrate" in asked[1]
    assert "--selector" not in asked[3]
    assert all(line.startswith(f"--namespace {namespace} ") for line in (asked[0], asked[4]))


def test_every_pod_is_of_the_images_that_are_given(tmp_path: Path) -> None:
    deploy(tmp_path, "production", IMAGE, TRAIN)
    text = (tmp_path / "applied").read_text()
    assert list(yaml.safe_load_all(text))
    images = set(re.findall(r"^ +(?:- )?image: (.*)$", text, re.MULTILINE))
    assert {image for image in images if "mlrf" in image} == {IMAGE, TRAIN}
    assert any("valkey" in image for image in images)


def test_servers_stay_where_the_migration_fails(tmp_path: Path) -> None:
    done, asked = deploy(tmp_path, "staging", IMAGE, failing="wait")
    assert done.returncode != 0
    assert "wait" in asked[-1]


def test_an_overlay_that_is_not_there_touches_nothing(tmp_path: Path) -> None:
    done, asked = deploy(tmp_path, "stagging", IMAGE)
    assert done.returncode != 0
    assert asked == []
