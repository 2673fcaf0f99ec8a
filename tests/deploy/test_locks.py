"""A lock is complete: nothing has to be resolved when it is installed, by any pip, at any time."""

from __future__ import annotations

import re
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from settings import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
NOT_INSTALLED_HERE = {"bench.txt"}
"""`make locks` judges these by what the index says of their packages."""


def requirements(lock: Path) -> list[Requirement]:
    """The packages of a lock, with their extras, that this machine would install."""
    lines = [line for line in lock.read_text().splitlines() if re.match(r"[A-Za-z0-9]", line)]
    parsed = [Requirement(line.removesuffix("\\").strip()) for line in lines]
    return [each for each in parsed if each.marker is None or each.marker.evaluate()]


def missing(locked: list[Requirement]) -> list[str]:
    """What installed packages of a lock need that the lock does not pin in a version they take."""
    versions = {canonicalize_name(each.name): each for each in locked}
    wrong = []
    for package in locked:
        for text in distribution(package.name).requires or []:
            needed = Requirement(text)
            extras = ["", *package.extras]
            marker = needed.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in extras):
                continue
            pinned = versions.get(canonicalize_name(needed.name))
            if pinned is None:
                wrong.append(f"{package} needs {needed}, which is not locked")
                continue
            (pin,) = pinned.specifier
            if not needed.specifier.contains(pin.version, prereleases=True):
                wrong.append(f"{package} needs {needed}, but {pinned} is locked")
            if needed.extras - pinned.extras:
                wrong.append(f"{package} needs {needed}, but {pinned} lacks an extra")
    return wrong


def locks() -> list[object]:
    return [
        pytest.param(lock, id=lock.stem) for lock in LOCKS if lock.name not in NOT_INSTALLED_HERE
    ]


@pytest.mark.parametrize("lock", locks())
def test_every_requirement_of_every_locked_package_is_locked_with_its_extras(lock: Path) -> None:
    """A pip that resolves `coverage[toml]` by itself takes the newest one, which has no hash."""
    assert missing(requirements(lock)) == []


def test_a_lock_without_an_extra_or_a_package_is_found_out() -> None:
    locked = requirements(ROOT / "requirements" / "dev.txt")
    stripped = [
        Requirement(str(each).replace("[toml]", ""))
        for each in locked
        if canonicalize_name(each.name) != "iniconfig"
    ]
    found = "\n".join(missing(stripped))
    assert re.search(r"pytest-cov.* needs coverage\[toml\].*lacks an extra", found)
    assert re.search(r"pytest.* needs iniconfig.*not locked", found)


@pytest.mark.parametrize("lock", [pytest.param(lock, id=lock.stem) for lock in LOCKS])
def test_every_package_is_pinned_with_hashes_and_names_no_index(lock: Path) -> None:
    text = lock.read_text()
    entries = re.findall(r"(?m)^[A-Za-z0-9].*(?:\n    .*)*", text)
    assert len(entries) > 90
    unpinned = [
        entry.splitlines()[0]
        for entry in entries
        if "==" not in entry.splitlines()[0] or "--hash=sha256:" not in entry
    ]
    assert unpinned == []
    assert "://" not in text


@pytest.mark.parametrize("lock", [pytest.param(lock, id=lock.stem) for lock in LOCKS])
def test_cachetools_is_one_that_resolvers_keep_newer_packages_for(lock: Path) -> None:
    """With 8 resolvers take mlflow 1.27 and prefect 1.4 without a word."""
    (cachetools,) = [each for each in requirements(lock) if each.name == "cachetools"]
    assert str(cachetools.specifier).startswith("==7.")


@pytest.mark.parametrize("lock", ["backtest", "dask", "serve", "train"])
def test_what_a_user_installs_holds_no_tool_of_a_developer(lock: str) -> None:
    names = {each.name for each in requirements(ROOT / "requirements" / f"{lock}.txt")}
    assert names.isdisjoint({"boto3", "mypy", "pytest", "ruff", "coverage", "pre-commit"})


def test_nothing_installs_a_lock_by_resolving_it() -> None:
    recipes = [
        *(ROOT / "deploy" / "image").glob("*Dockerfile"),
        *(ROOT / ".github" / "workflows").glob("*.yml"),
        *(ROOT / name for name in ("Makefile", "scripts/install.py", ".ci/run", "compose.yaml")),
    ]
    installing = [path for path in recipes if "--require-hashes" in path.read_text()]
    assert {path.name for path in installing} >= {"Dockerfile", "train.Dockerfile", "install.py"}
    for path in installing:
        assert "--no-deps" in path.read_text(), path


def test_the_oldest_python_that_is_supported_is_the_one_that_the_locks_are_checked_with() -> None:
    assert 'requires-python = ">=3.11"' in (ROOT / "pyproject.toml").read_text()
    assert '"pip==22.3"' in (ROOT / "scripts" / "check_locks.py").read_text()
