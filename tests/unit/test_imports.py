"""The house order: who may import whom, what serving never loads, and who reads the environment."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from settings import ROOT

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "artifacts": set(),
    "version": set(),
    "tiers": set(),
    "secret_sources": {"errors"},
    "setting_values": set(),
    "settings": {"artifacts", "secret_sources", "setting_values", "tiers"},
    "settings_doc": {"secret_sources", "settings", "tiers"},
    "telemetry": set(),
    "features": {"artifacts", "errors"},
    "models": {"artifacts", "errors", "features"},
    "training": {"artifacts", "errors", "features", "models"},
    "storage": {"errors"},
    "cache": {"errors", "telemetry"},
    "middleware": {"errors", "telemetry", "tiers", "storage", "cache"},
    "api": {"errors", "version", "telemetry", "features", "models", "storage", "cache"},
    "cli": {
        *("artifacts", "errors", "settings", "telemetry"),
        *("features", "middleware", "models", "training", "storage"),
    },
    "application": {
        *("errors", "settings", "telemetry", "models"),
        *("storage", "cache", "middleware", "api", "tiers"),
    },
    "service": {"artifacts", "errors", "settings", "telemetry", "models", "application"},
    "load": {
        *("artifacts", "errors", "features", "models", "training"),
        *("application", "service", "settings", "storage", "tiers"),
    },
}
"""For each room, the rooms that its modules may import beside their own."""

HTTP = {"aiohttp", "bentoml", "fastapi", "httpx", "requests", "starlette", "uvicorn"}
WITHOUT_HTTP = (
    *("errors", "artifacts", "secret_sources", "setting_values", "settings", "telemetry"),
    *("tiers", "features", "models", "training", "storage", "cache"),
)
MEASURES = "load"
"""The room that serving never imports, and that may look at all of it from outside."""
RIVALS = "load.rivals"
"""Servers as others write them, to compare with: they follow no order of ours."""
TRAINING_ONLY = {"onnx", "onnxmltools", "polars", "training"}


def sources() -> list[Path]:
    """Every module of the product: those at the root, and those of the rooms."""
    rooms = sorted(path.parent for path in ROOT.glob("*/__init__.py"))
    paths = [*sorted(ROOT.glob("*.py")), *(path for room in rooms for path in room.rglob("*.py"))]
    return [path for path in paths if not name_of(path).startswith(RIVALS)]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str:
    return module.partition(".")[0]


@lru_cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports_of(path: Path) -> Iterator[str]:
    """Full names of what a module imports, at its top or anywhere in it."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: rooms are imported by their names"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = [pytest.param(path, id=name_of(path)) for path in sources()]
every_module = pytest.mark.parametrize("path", MODULES)


def test_every_module_is_in_a_room() -> None:
    """A new room is added to the order above before it imports or is imported."""
    assert {room_of(name_of(path)) for path in sources()} == set(MAY_IMPORT)


@every_module
def test_a_room_imports_only_from_those_it_may(path: Path) -> None:
    own = room_of(name_of(path))
    met = {room_of(name) for name in imports_of(path)} & set(MAY_IMPORT)
    assert met - {own} <= MAY_IMPORT[own]


@pytest.mark.parametrize("room", ["service", "cli"])
def test_what_composes_is_imported_by_nobody(room: str) -> None:
    assert {other for other, rooms in MAY_IMPORT.items() if room in rooms} <= {MEASURES}


def test_only_the_command_imports_training() -> None:
    assert {room for room, rooms in MAY_IMPORT.items() if "training" in rooms} == {"cli", MEASURES}


def test_what_measures_is_imported_by_nobody() -> None:
    assert [room for room, rooms in MAY_IMPORT.items() if MEASURES in rooms] == []


@pytest.mark.parametrize(
    "path", [param for param in MODULES if room_of(str(param.id)) in WITHOUT_HTTP]
)
def test_what_forecasts_knows_nothing_of_http(path: Path) -> None:
    names = set(imports_of(path))
    assert {room_of(name) for name in names} & HTTP == set()
    # the rest of errors is the catalogue of what a request can meet
    assert {name for name in names if name.startswith("errors.")} <= {"errors.InputError"}


BENTOML = {"service", "application.supervisor"}
"""Who knows BentoML: the service, and what makes its supervisor safe."""


@pytest.mark.parametrize("path", [param for param in MODULES if param.id not in BENTOML])
def test_only_the_service_and_its_supervisor_know_bentoml(path: Path) -> None:
    assert "bentoml" not in {room_of(name) for name in imports_of(path)}


# --- what serving loads -----------------------------------------------------------------------


def test_nothing_that_the_service_reaches_imports_what_trains() -> None:
    """Also where the import stands in a function, and would run at the first request only."""
    paths = {name_of(path): path for path in sources()}
    reached = {"service"}
    found: dict[str, set[str]] = {}
    waiting = ["service"]
    while waiting:
        module = waiting.pop()
        names = set(imports_of(paths[module]))
        if met := {room_of(name) for name in names} & TRAINING_ONLY:
            found[module] = met
        new = (names | {room_of(name) for name in names}) & paths.keys() - reached
        reached |= new
        waiting.extend(new)
    assert found == {}
    assert "models.bundle" in reached
    assert "features.tables" not in reached


def test_a_process_that_serves_loads_nothing_that_trains(tmp_path: Path) -> None:
    """Neither here nor in a library: the image has none of it. LightGBM waits to be asked."""
    script = "import json, sys, service; print(json.dumps(sorted(sys.modules)))"
    environment = {**os.environ, "ARTIFACTS_DIR": str(tmp_path), "BENTOML_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = {room_of(name) for name in json.loads(done.stdout.splitlines()[-1])}
    assert {"service", "api", "models", "features", "onnxruntime"} <= loaded
    assert loaded & (TRAINING_ONLY | {"cli", "lightgbm", "hvac", "boto3"}) == set()


# --- the environment --------------------------------------------------------------------------

_READERS = {"environ", "environb", "getenv", "getenvb"}


def environment_uses(path: Path) -> Iterator[str]:
    """Each mention of the environment, as the code that surrounds it."""
    tree = tree_of(path)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in _READERS:
            while not isinstance(node, ast.stmt):
                node = parents[node]
            yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (alias.name for alias in node.names if alias.name in _READERS)


@every_module
def test_only_the_settings_read_the_environment(path: Path) -> None:
    # setting a variable for somebody else, before it is read there, is not reading it
    writes = re.compile(r"os\.environ(\.setdefault\(|\['[A-Z_]+'\] = )")
    uses = [use for use in environment_uses(path) if not writes.match(use)]
    if name_of(path) != "settings":
        uses += [name for name in imports_of(path) if room_of(name) == "pydantic_settings"]
    assert uses == []
