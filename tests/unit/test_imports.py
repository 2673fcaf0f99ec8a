"""Import rules: allowed imports by package, training-free serving, access to the environment."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from config.paths import ROOT

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "config": {
        *("config.margins", "config.outliers", "config.rollout", "errors", "storage.artifacts"),
    },
    "config.margins": set(),
    "config.outliers": set(),
    "config.rollout": set(),
    "telemetry": set(),
    "examples": set(),
    "storage.artifacts": set(),
    "storage.redis": {"errors", "telemetry"},
    "storage.cache": {"errors", "storage.redis", "telemetry"},
    "storage": {"errors", "telemetry"},
    "features": {"config.outliers", "errors", "storage.artifacts"},
    "models": {"errors", "features", "storage.artifacts", "telemetry"},
    "lifecycle": {
        "config.margins",
        "config.outliers",
        "config.rollout",
        "errors",
        "features",
        "models",
        "storage",
        "storage.artifacts",
    },
    "training": {
        *("config.margins", "errors", "features", "lifecycle", "models", "storage"),
        "storage.artifacts",
    },
    "middleware": {"config", "errors", "storage", "storage.cache", "storage.redis", "telemetry"},
    "api": {
        *("config", "errors", "features", "lifecycle", "middleware", "models"),
        *("storage", "storage.artifacts", "storage.cache", "telemetry"),
    },
    "cli": {
        *("config", "errors", "features", "lifecycle", "middleware", "models"),
        *("storage", "storage.artifacts", "telemetry", "training"),
    },
    "app": {
        *("api", "config", "config.rollout", "errors", "lifecycle", "middleware", "models"),
        *("storage", "storage.artifacts", "storage.cache", "storage.redis", "telemetry"),
    },
    "service": {"app", "config", "errors", "models", "storage.artifacts", "telemetry"},
    "load": {
        *("api", "app", "config", "errors", "features", "lifecycle", "middleware", "models"),
        *("service", "storage", "storage.artifacts", "training"),
    },
}
"""For each package, the other packages that its modules may import.

A part of a package that stands alone is listed as a package of its own."""

HTTP = {"aiohttp", "bentoml", "fastapi", "httpx", "requests", "starlette", "uvicorn"}
WITHOUT_HTTP = (
    *("config", "errors", "features", "lifecycle", "models", "storage", "storage.artifacts"),
    *("storage.cache", "storage.redis", "telemetry", "training"),
)
MEASURES = "load"
"""The package that serving never imports; it may import every other package."""
RIVALS = "load.rivals"
"""Servers in the style of other projects, for comparison; the import rules do not apply."""
TRAINING_ONLY = {"lightgbm", "mlflow", "onnx", "onnxmltools", "polars", "training"}
TABLE_FILES = "api.http.table_files"
"""The one module of serving that imports the table library, when its first table is asked for."""


def sources() -> list[Path]:
    """Return every module of the product: those at the root, and those of the packages."""
    packages = sorted(path.parent for path in ROOT.glob("*/__init__.py"))
    paths = [
        *sorted(ROOT.glob("*.py")),
        *(path for package in packages for path in package.rglob("*.py")),
    ]
    return [path for path in paths if not name_of(path).startswith(RIVALS)]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def package_of(module: str) -> str:
    """Return the package that the rules know a module by; its first part for other modules."""
    parts = module.split(".")
    names = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((name for name in names if name in MAY_IMPORT), parts[0])


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def imports_of(path: Path) -> tuple[str, ...]:
    """Return the full names that a module imports, at its top or in functions."""
    return tuple(_walk_imports(path))


def _walk_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: use absolute imports"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = [pytest.param(path, id=name_of(path)) for path in sources()]
every_module = pytest.mark.parametrize("path", MODULES)


def test_every_module_is_in_a_known_package() -> None:
    """A new package must be added to the order above first."""
    assert {package_of(name_of(path)) for path in sources()} == set(MAY_IMPORT)


@every_module
def test_a_package_imports_only_from_allowed_packages(path: Path) -> None:
    own = package_of(name_of(path))
    met = {package_of(name) for name in imports_of(path)} & set(MAY_IMPORT)
    assert met - {own} <= MAY_IMPORT[own]


def test_no_module_imports_itself_through_others() -> None:
    """Imports within functions count: a cycle that starts late is one too."""
    paths = {name_of(path): path for path in sources()}
    order = TopologicalSorter(
        {name: (set(imports_of(path)) & paths.keys()) - {name} for name, path in paths.items()}
    )
    order.prepare()


@pytest.mark.parametrize("package", ["service", "cli"])
def test_composing_packages_are_not_imported(package: str) -> None:
    assert {other for other, packages in MAY_IMPORT.items() if package in packages} <= {MEASURES}


def test_only_the_command_imports_training() -> None:
    assert {package for package, packages in MAY_IMPORT.items() if "training" in packages} == {
        "cli",
        MEASURES,
    }


def test_the_measuring_package_is_not_imported() -> None:
    assert [package for package, packages in MAY_IMPORT.items() if MEASURES in packages] == []


@pytest.mark.parametrize(
    "path", [param for param in MODULES if package_of(str(param.id)) in WITHOUT_HTTP]
)
def test_forecasting_packages_do_not_import_http_libraries(path: Path) -> None:
    names = set(imports_of(path))
    assert {package_of(name) for name in names} & HTTP == set()
    # the rest of errors is the catalogue of HTTP problems
    assert {name for name in names if name.startswith("errors.")} <= {"errors.InputError"}


BENTOML_IMPORTERS = {"service", "app.bentoml_compat.supervisor"}
"""The modules that may import BentoML: the service, and the patched supervisor."""


@pytest.mark.parametrize("path", [param for param in MODULES if param.id not in BENTOML_IMPORTERS])
def test_only_the_service_and_its_supervisor_import_bentoml(path: Path) -> None:
    assert "bentoml" not in {package_of(name) for name in imports_of(path)}


# --- imports of a server ----------------------------------------------------------------------


def test_the_service_reaches_no_import_of_training() -> None:
    """Imports within functions count, although they run at the first request only.

    The table library is the exception: answers as Parquet or Arrow need it.
    """
    paths = {name_of(path): path for path in sources()}
    reached = {"service"}
    violations: dict[str, set[str]] = {}
    waiting = ["service"]
    while waiting:
        module = waiting.pop()
        names = set(imports_of(paths[module]))
        if met := {package_of(name) for name in names} & TRAINING_ONLY:
            violations[module] = met
        new = (names | {package_of(name) for name in names}) & paths.keys() - reached
        reached |= new
        waiting.extend(new)
    assert violations == {TABLE_FILES: {"polars"}}
    assert "models.bundle" in reached
    assert "features.data.tables" not in reached


def modules_loaded_by(script: str, folder: Path, **settings: str) -> list[str]:
    """Return the names of the modules that a new process has loaded after a script."""
    environment = {
        **os.environ,
        "ARTIFACTS_DIR": str(folder),
        "BENTOML_HOME": str(folder),
        "DATABASE_URL": f"sqlite:///{folder}/mlrf.db",
        **settings,
    }
    done = subprocess.run(
        [sys.executable, "-c", f"{script}; import json, sys; print(json.dumps([*sys.modules]))"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names


@pytest.mark.slow
def test_a_serving_process_loads_no_training_library(tmp_path: Path) -> None:
    """Polars is loaded by the first Parquet or Arrow only.

    The SDK of OpenTelemetry is loaded by BentoML, our spans and exporters only where they are on.
    """
    modules = modules_loaded_by("import service; service.MLRF.to_asgi()", tmp_path)
    loaded = {package_of(name) for name in modules}
    assert "scipy.stats" not in modules, "it takes 35 MB of each worker"
    assert not [name for name in modules if name.startswith("opentelemetry.exporter")]
    assert {"telemetry.spans"} == {*modules} & {"telemetry.spans", "telemetry.tracing"}
    assert {"service", "api", "models", "features", "onnxruntime"} <= loaded
    assert loaded & (TRAINING_ONLY | {"cli", "dbos", "hvac", "boto3", "grpc"}) == set()
    assert {*modules} & LATE == set()


LATE = {
    *("alembic", "jwt", "mako", "markdown_it", "redis", "scipy.linalg", "scipy.special"),
    *("storage.migrations.steps", "storage.redis.client", "middleware.auth.tokens"),
}
"""Modules that a worker loads when a setting or a request needs them: they take time of its
start, and memory of all its life."""

FOR_WORKERS = {
    *("alembic", "onnxruntime", "redis", "scipy", "sqlalchemy"),
    *("api.contract", "app.application", "models"),
}
"""Modules that the supervisor, which workers wait for, does not load."""


@pytest.mark.slow
def test_the_supervisor_loads_nothing_that_only_workers_need(tmp_path: Path) -> None:
    modules = modules_loaded_by(
        "import sys; sys.argv[1:] = ['serve']; import service", tmp_path, AUTH_MODE="disabled"
    )
    assert {*modules} & FOR_WORKERS == set()
    assert "circus.arbiter" in modules, "this process is not a supervisor"


# --- the environment --------------------------------------------------------------------------

_READERS = {"environ", "environb", "getenv", "getenvb"}


def environment_uses(path: Path) -> Iterator[str]:
    """Yield each use of the environment, as its surrounding code."""
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
    # setting a variable for a library or child process is not reading the environment
    writes = re.compile(r"os\.environ(\.setdefault\(|\['[A-Z_]+'\] = )")
    uses = [use for use in environment_uses(path) if not writes.match(use)]
    if package_of(name_of(path)) != "config":
        uses += [name for name in imports_of(path) if package_of(name) == "pydantic_settings"]
    assert uses == []
