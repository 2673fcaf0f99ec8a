"""The Bento of `make build`: its content, its reproducibility, and that it serves."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from config.paths import ROOT
from config.settings import Settings
from config.version import __version__
from load.server import free_port
from storage.artifacts import ArtifactError, Release, Store
from tests.support.dashboard import SCRIPT, write_build
from tests.support.servers import Server
from tests.unit.test_imports import imports_of, package_of
from tools import build_bento
from tools.bento_digest import Content, digest_of

pytestmark = pytest.mark.e2e

EXPECTED = {
    *("api", "app", "bentofile.yaml", "cli", "config", "dashboard", "deploy", "docs", "errors.py"),
    *("features", "lifecycle", "middleware", "models", "requirements", "service.py", "storage"),
    "telemetry",
}
SUFFIXES = {
    *("", ".py", ".yaml", ".lua", ".md", ".html", ".css", ".mako", ".txt"),
    *(".json", ".npy", ".npz", ".onnx", ".js", ".woff2", ".gz"),
}
KEY = "a-key-of-the-tests-for-nothing-else"


@pytest.fixture(scope="module")
def cluttered(trained: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Artifacts with other releases beside the serving one, and leftovers of a killed process."""
    folder = tmp_path_factory.mktemp("cluttered")
    store = Store(Path(shutil.copytree(trained.root, folder / "artifacts")))
    release = store.current()
    for parent in (store.bundles, store.snapshots, store.forecasts):
        shutil.copytree(next(parent.glob("2*")), parent / "2023-01-01-0123456789abcdef")
        (parent / ".staging-left").mkdir()
    real = store.root / "elsewhere"
    (store.bundles / release.bundle).rename(real)
    (store.bundles / release.bundle).symlink_to(real)
    return store


def build_bento_of(home: Path, store: Store, *arguments: str) -> Path:
    """Build a Bento in a BentoML store of its own, and return its folder.

    It has a small dashboard: building the real one needs packages of the npm registry.
    """
    environment = {**os.environ, "BENTOML_HOME": str(home), "ARTIFACTS_DIR": str(store.root)}
    dashboard = write_build(home / "dashboard")
    command = [sys.executable, str(ROOT / "tools/build_bento.py"), "--dashboard", str(dashboard)]
    done = subprocess.run(
        [*command, *arguments],
        cwd=home,
        env=environment,
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return home / "bentos" / "mlrf" / __version__


@pytest.fixture(scope="module")
def bento(cluttered: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_bento_of(tmp_path_factory.mktemp("bentoml"), cluttered)


def files_of(bento: Path) -> list[Path]:
    sources = bento / "src"
    return sorted(path.relative_to(sources) for path in sources.rglob("*") if path.is_file())


# --- content ----------------------------------------------------------------------------------


def test_it_includes_the_serving_release_and_no_other(bento: Path, release: Release) -> None:
    store = Store(bento / "src" / "models" / "artifacts")
    assert store.current() == release
    (forecasts,) = store.forecasts.iterdir()
    assert forecasts.name.startswith(f"{release.bundle}.{release.snapshot}-")
    assert [path.name for path in store.bundles.iterdir()] == [release.bundle]
    assert [path.name for path in store.snapshots.iterdir()] == [release.snapshot]


def test_it_includes_no_symbolic_link(bento: Path) -> None:
    """BentoML drops links."""
    assert [path for path in (bento / "src").rglob("*") if path.is_symlink()] == []
    assert (bento / "src" / "deploy/image/mlrf").stat().st_mode & 0o111


def test_it_includes_only_what_serving_needs(bento: Path) -> None:
    """No tests, no training code, no retailer's tables and no secrets."""
    files = files_of(bento)
    assert {path.parts[0] for path in files} == EXPECTED
    assert {path.suffix for path in files} <= SUFFIXES
    assert [path for path in files if path.name.startswith(".")] == []


def test_it_includes_of_the_dashboard_what_is_served_and_not_what_its_build_notes(
    bento: Path,
) -> None:
    built = Path("dashboard/dist")
    files = {path.relative_to(built) for path in files_of(bento) if path.is_relative_to(built)}
    assert Path("static") / SCRIPT in files
    others = {path.name for path in files if path.parent != Path("static")}
    assert others == {"index.html", "manifest.json"}


def test_it_includes_every_module_of_ours_that_it_imports(bento: Path) -> None:
    """An editable install would import from the checkout what the image lacks."""
    ours = {path.stem for path in ROOT.glob("*.py")}
    ours |= {path.parent.name for path in ROOT.glob("*/__init__.py")}
    files = files_of(bento)
    included = {path.parts[0].removesuffix(".py") for path in files}
    imported = {
        package_of(name)
        for path in files
        if path.suffix == ".py"
        for name in imports_of(bento / "src" / path)
    }
    assert imported & ours - included == {"training"}, "which only commands import, when they run"


def test_it_includes_every_module_of_its_packages(bento: Path) -> None:
    packages = [name for name in EXPECTED if (ROOT / name / "__init__.py").exists()]
    expected = {
        path.relative_to(ROOT) for package in packages for path in (ROOT / package).rglob("*.py")
    }
    assert expected <= set(files_of(bento))


def test_it_includes_what_was_built_of_the_dashboard_and_no_source_of_it(bento: Path) -> None:
    files = {
        path.relative_to("dashboard") for path in files_of(bento) if path.parts[0] == "dashboard"
    }
    assert Path("dist/index.html") in files
    assert {path.parts[0] for path in files} == {"dist"}


def test_its_only_lock_is_serve_txt(bento: Path) -> None:
    assert [path.name for path in (bento / "src" / "requirements").iterdir()] == ["serve.txt"]
    lock = (bento / "src" / "requirements" / "serve.txt").read_text()
    assert not re.search(r"^(onnx|onnxmltools|pytest|matplotlib)==", lock, flags=re.MULTILINE)


def test_it_states_its_version_and_revision(bento: Path) -> None:
    description = (bento / "bento.yaml").read_text()
    assert f"version: {__version__}" in description
    assert f"org.opencontainers.image.revision: {build_bento.revision()}" in description


def test_everything_that_it_includes_exists() -> None:
    """A pattern that no longer matches would silently drop files."""
    assert len(list(build_bento.list_included_files())) > 100


# --- two builds -------------------------------------------------------------------------------


def test_two_builds_have_the_same_content(
    bento: Path, trained: Store, tmp_path: Path, release: Release
) -> None:
    """Also where the bundle is a link and other releases lie beside it."""
    content = digest_of(bento)
    assert (content.bundle, content.snapshot) == (release.bundle, release.snapshot)
    assert content == digest_of(build_bento_of(tmp_path, trained))


@pytest.mark.parametrize("change", ["alter", "add", "rename"])
def test_the_digest_sees_every_change(bento: Path, tmp_path: Path, change: str) -> None:
    before: Content = digest_of(bento)
    copy = Path(shutil.copytree(bento, tmp_path / "bento"))
    assert digest_of(copy) == before
    path = copy / "src" / "docs" / "reference" / "errors.md"
    match change:
        case "alter":
            path.write_bytes(path.read_bytes() + b" ")
        case "add":
            path.with_name("new.md").touch()
        case "rename":
            path.rename(path.with_name("other.md"))
    after = digest_of(copy)
    assert after.sha256 != before.sha256
    assert replace(after, sha256="", files=0) == replace(before, sha256="", files=0)


# --- which release ----------------------------------------------------------------------------


def test_another_release_may_be_selected(
    own_store: Store, release: Release, tmp_path: Path
) -> None:
    own_store.promote(Release("gone", "gone"))
    bento = build_bento_of(
        tmp_path, own_store, "--bundle", release.bundle, "--snapshot", release.snapshot
    )
    assert digest_of(bento).bundle == release.bundle


@pytest.mark.parametrize(
    ("bundle", "snapshot", "expected"),
    [
        pytest.param(None, None, Release("b", "s"), id="neither"),
        pytest.param("x", None, Release("x", "s"), id="a bundle"),
        pytest.param(None, "y", Release("b", "y"), id="a snapshot"),
        pytest.param("x", "y", Release("x", "y"), id="both"),
    ],
)
def test_a_default_is_taken_from_the_serving_release(
    tmp_path: Path, bundle: str | None, snapshot: str | None, expected: Release
) -> None:
    store = Store(tmp_path).promote(Release("b", "s"))
    assert build_bento.choose_release(store, bundle, snapshot) == expected


def test_missing_forecasts_are_computed(own_store: Store, release: Release, tmp_path: Path) -> None:
    """A server cannot write them in a read-only image."""
    shutil.rmtree(own_store.forecasts)
    staged = Store(tmp_path / "staged")
    build_bento.stage_release(own_store, release, staged)
    assert len(list(staged.forecasts.glob("2*"))) == 1
    assert not own_store.forecasts.exists()


def test_a_damaged_bundle_is_not_built(own_store: Store, release: Release, tmp_path: Path) -> None:
    path = own_store.bundles / release.bundle / "contract.json"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ArtifactError, match=r"contract\.json"):
        build_bento.stage_release(own_store, release, Store(tmp_path / "staged"))


def test_the_name_of_a_missing_bundle_is_in_the_error(
    own_store: Store, release: Release, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError, match="2020-no-such: does not exist"):
        build_bento.stage_release(
            own_store, Release("2020-no-such", release.snapshot), Store(tmp_path)
        )


# --- serving ----------------------------------------------------------------------------------


@contextmanager
def serving(bento: Path, folder: Path) -> Iterator[Server]:
    """Run `bentoml serve` of a Bento from a folder without other files, until the block ends."""
    port = free_port()
    ours = {name.upper() for name in Settings.model_fields}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {
        "BENTOML_HOME": str(bento.parents[2]),
        "DATABASE_URL": f"sqlite:///{folder}/mlrf.db",
        "API_KEY": KEY,
        "PORT": str(port),
    }
    command = [sys.executable, "-m", "bentoml", "serve", build_bento.TAG]
    command += ["--host", "127.0.0.1", "--port", str(port), "--timeout-graceful-shutdown", "5"]
    log = folder / "server.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=written, stderr=written
        )
    server = Server(process, f"http://127.0.0.1:{port}", log)
    try:
        server.wait_for("/readyz")
        yield server
    finally:
        if process.poll() is None:
            server.stop()


def test_it_serves_the_included_release(bento: Path, release: Release, tmp_path: Path) -> None:
    with serving(bento, tmp_path) as server:
        body = {"store_nbr": 1, "family": "LIQUOR,WINE,BEER", "horizon": 15}
        options = {"json": body, "headers": {"X-API-Key": KEY}}
        answer = server.request("POST", "/predict/simple", **options)
        assert answer.status_code == 200, answer.text
        assert answer.json()["model_version"] == release.bundle
        for path in ("/docs", "/docs/errors", "/openapi.json"):
            assert server.get(path).status_code == 200, "pages are carried too"
        page = server.request("GET", "/", headers={"Accept": "text/html"})
        assert SCRIPT in page.text
        assert server.get(f"/static/{SCRIPT}").status_code == 200
        assert server.stop() == 0
