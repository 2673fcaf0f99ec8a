"""Locks of npm: complete, proven by hashes, and bound to no registry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from config.paths import ROOT

LOCKS = (
    Path("dashboard/package-lock.json"),
    Path("load/lighthouse/package-lock.json"),
    Path("tools/grafana/schema/package-lock.json"),
)


@pytest.fixture(params=LOCKS, ids=str)
def lock(request: pytest.FixtureRequest) -> Path:
    path: Path = ROOT / request.param
    return path


def packages_of(lock: Path) -> dict[str, dict[str, Any]]:
    """Return the packages of a lock by path, without the project itself."""
    packages: dict[str, dict[str, Any]] = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    return {path: package for path, package in packages.items() if path}


def test_every_package_is_proven_by_a_hash(lock: Path) -> None:
    packages = packages_of(lock)
    assert packages
    unproven = {path for path, each in packages.items() if not is_proven(each)}
    assert unproven == set()


def is_proven(package: dict[str, Any]) -> bool:
    """Return whether a package has a hash of its own; what another one bundles is in that one's."""
    return package.get("inBundle", False) or package.get("integrity", "").startswith("sha512-")


def test_no_package_names_where_it_is_fetched_from(lock: Path) -> None:
    """Whoever installs has a registry configured, which may be a mirror."""
    assert {path for path, each in packages_of(lock).items() if "resolved" in each} == set()


def test_only_funding_links_name_a_host(lock: Path) -> None:
    bare = [{**each, "funding": None} for each in packages_of(lock).values()]
    assert "://" not in json.dumps(bare)
