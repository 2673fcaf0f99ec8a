"""Releases are loaded and compared in a process of their own, with errors as in this one."""

from __future__ import annotations

import os
import signal

import pytest

from lifecycle.apart import _call_apart, compare_apart, load_apart
from storage.artifacts import ArtifactError, Release, Store
from tests.support.releases import add_other_bundle, add_scaled_bundle

pytestmark = pytest.mark.slow


def test_a_release_is_loaded_with_its_forecasts(own_store: Store) -> None:
    current = own_store.current()
    other = Release(add_other_bundle(own_store), current.snapshot)
    load_apart(own_store, other)
    assert list(own_store.forecasts.glob(f"{other.bundle}.{other.snapshot}-*"))


def test_a_refused_release_is_refused_here_too(own_store: Store) -> None:
    current = own_store.current()
    (own_store.bundles / current.bundle / "contract.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"contract\.json") as refusal:
        load_apart(own_store, current)
    assert refusal.value.__cause__ is None, "the traceback of a process is in nobody's answer"


def test_a_model_that_forecasts_more_is_told_from_the_active_one(own_store: Store) -> None:
    current = own_store.current()
    scaled = Release(add_scaled_bundle(own_store, 1.5), current.snapshot)
    report = compare_apart(own_store, current, scaled)
    assert report["total"] == pytest.approx(1.5, rel=0.01)
    assert report["moved"]["store"] == pytest.approx(0.5, rel=0.02)
    assert report["incoherence"] < 1e-9
    recent = report["recent"]["total"]
    assert recent["challenger"] > 2 * recent["active"]


def test_a_killed_process_is_an_error_of_its_own(own_store: Store) -> None:
    """As where the kernel ends it for want of memory."""
    with pytest.raises(ArtifactError, match="lack of memory"):
        _call_apart(own_store, die)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
