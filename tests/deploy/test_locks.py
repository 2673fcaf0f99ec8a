"""Locks are complete: no version of pip has to resolve anything during an installation."""

from __future__ import annotations

import re
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from config.paths import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
OF_THE_SCHEDULE = ROOT / "deploy" / "dagster" / "requirements.txt"
"""Lock of an environment of its own; its completeness is tested there, by `pip check`."""
OF_THE_PEERS = sorted((ROOT / "requirements" / "peers").glob("*.txt"))
"""Locks of the environments that other servers are measured in; `make locks` checks them."""
NOT_INSTALLED_HERE = {"bench.txt"}
"""Locks that `make locks` checks against the metadata of the package index."""


def requirements(lock: Path) -> list[Requirement]:
    """Return the packages of a lock, with extras, that this machine would install."""
    lines = [line for line in lock.read_text().splitlines() if re.match(r"[A-Za-z0-9]", line)]
    parsed = [Requirement(line.removesuffix("\\").strip()) for line in lines]
    return [each for each in parsed if each.marker is None or each.marker.evaluate()]


def find_missing(locked: list[Requirement]) -> list[str]:
    """List requirements of installed packages that the lock does not satisfy."""
    versions = {canonicalize_name(each.name): each for each in locked}
    problems = []
    for package in locked:
        for text in distribution(package.name).requires or []:
            requirement = Requirement(text)
            extras = ["", *package.extras]
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in extras):
                continue
            pinned = versions.get(canonicalize_name(requirement.name))
            if pinned is None:
                problems.append(f"{package} needs {requirement}, which is not locked")
                continue
            (pin,) = pinned.specifier
            if not requirement.specifier.contains(pin.version, prereleases=True):
                problems.append(f"{package} needs {requirement}, but {pinned} is locked")
            if requirement.extras - pinned.extras:
                problems.append(f"{package} needs {requirement}, but {pinned} lacks an extra")
    return problems


def locks() -> list[object]:
    return [
        pytest.param(lock, id=lock.stem) for lock in LOCKS if lock.name not in NOT_INSTALLED_HERE
    ]


@pytest.mark.parametrize("lock", locks())
def test_every_requirement_of_every_locked_package_is_locked_with_its_extras(lock: Path) -> None:
    """A pip that has to resolve `coverage[toml]` takes the newest one, which has no hash."""
    assert find_missing(requirements(lock)) == []


def test_a_missing_extra_or_package_is_detected() -> None:
    locked = requirements(ROOT / "requirements" / "dev.txt")
    stripped = [
        Requirement(str(each).replace("[toml]", ""))
        for each in locked
        if canonicalize_name(each.name) != "iniconfig"
    ]
    problems = "\n".join(find_missing(stripped))
    assert re.search(r"pytest-cov.* needs coverage\[toml\].*lacks an extra", problems)
    assert re.search(r"pytest.* needs iniconfig.*not locked", problems)


@pytest.mark.parametrize(
    "lock",
    [
        *(pytest.param(lock, id=lock.stem) for lock in [*LOCKS, *OF_THE_PEERS]),
        pytest.param(OF_THE_SCHEDULE, id="schedule"),
    ],
)
def test_every_package_is_pinned_with_hashes_and_names_no_index(lock: Path) -> None:
    text = lock.read_text()
    entries = re.findall(r"(?m)^[A-Za-z0-9].*(?:\n    .*)*", text)
    assert len(entries) > 50
    unpinned = [
        entry.splitlines()[0]
        for entry in entries
        if "==" not in entry.splitlines()[0] or "--hash=sha256:" not in entry
    ]
    assert unpinned == []
    assert "://" not in text


@pytest.mark.parametrize("lock", [pytest.param(lock, id=lock.stem) for lock in LOCKS])
def test_cachetools_is_a_version_that_newer_packages_accept(lock: Path) -> None:
    """With version 8, resolvers silently fall back to mlflow 1.27 and prefect 1.4."""
    (cachetools,) = [each for each in requirements(lock) if each.name == "cachetools"]
    assert str(cachetools.specifier).startswith("==7.")


@pytest.mark.parametrize("lock", ["backtest", "dask", "serve", "train"])
def test_locks_of_users_have_no_developer_tools(lock: str) -> None:
    names = {each.name for each in requirements(ROOT / "requirements" / f"{lock}.txt")}
    assert names.isdisjoint({"boto3", "mypy", "pytest", "ruff", "coverage", "pre-commit"})


def test_locks_are_installed_without_dependency_resolution() -> None:
    recipes = [
        *(ROOT / "deploy" / "image").glob("*Dockerfile"),
        *(ROOT / ".github" / "workflows").glob("*.yml"),
        *(ROOT / name for name in ("Makefile", "tools/install.py", ".ci/run", "compose.yaml")),
    ]
    installing = [path for path in recipes if "--require-hashes" in path.read_text()]
    assert {path.name for path in installing} >= {"Dockerfile", "train.Dockerfile", "install.py"}
    for path in installing:
        assert "--no-deps" in path.read_text(), path


def test_locks_are_checked_with_the_oldest_supported_python() -> None:
    assert 'requires-python = ">=3.11"' in (ROOT / "pyproject.toml").read_text()
    assert '"pip==22.3"' in (ROOT / "tools" / "check_locks.py").read_text()
