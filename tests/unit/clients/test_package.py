"""The client is installed on its own, and needs nothing of the service."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.paths import ROOT

PROJECT = ROOT / "clients" / "python"
SOURCES = sorted((PROJECT / "mlrf_client").glob("*.py"))
FRAMES = {"pandas", "polars"}


def imported(source: Path, *, at_start: bool) -> Iterator[str]:
    """Yield the packages that a module imports, or those that it imports when it is loaded."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for node in tree.body if at_start else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module
            assert not node.level, f"{source}: use absolute imports"
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_module_imports_nothing_of_the_service(source: Path) -> None:
    allowed = sys.stdlib_module_names | {"httpx", "mlrf_client"}
    assert set(imported(source, at_start=True)) <= allowed
    assert set(imported(source, at_start=False)) <= allowed | FRAMES


@pytest.mark.slow
def test_it_is_built_and_installed_without_the_service(tmp_path: Path) -> None:
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(target)]
    subprocess.run([*pip, *options, str(PROJECT)], check=True, cwd=tmp_path)
    assert (target / "mlrf_client" / "py.typed").exists()
    script = (
        "import mlrf_client, sys; from mlrf_client import Client; "
        "print(mlrf_client.__file__, *sorted({'errors', 'pandas', 'polars'} & {*sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [str(target / "mlrf_client" / "__init__.py")]
