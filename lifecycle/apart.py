"""Loading and comparison of releases in a process of its own.

Both take hundreds of megabytes for a while, which a worker would keep, and a core, which its
requests need.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, TypeVar

from lifecycle.priority import yield_to_workers
from models.serving.comparison import compare_challenger
from models.serving.release import load_release
from storage.artifacts import ArtifactError, Release, Store

Document = dict[str, Any]
Result = TypeVar("Result")


def load_apart(store: Store, release: Release) -> None:
    """Verify a release as a server would load it, and store its forecasts.

    Raises:
        ArtifactError: it cannot be served, or the process was killed.
    """
    _call_apart(store, _load, store, release)


def compare_apart(store: Store, active: Release, challenger: Release) -> Document:
    """Compare a release with the active one (see `models.serving.comparison`).

    Raises:
        ArtifactError: one cannot be loaded, or the process was killed.
    """
    return _call_apart(store, _compare, store, active, challenger)


def _call_apart(store: Store, function: Callable[..., Result], *args: object) -> Result:
    # spawned: a worker has threads, of which a fork would copy the locks but not the holders
    pool = ProcessPoolExecutor(1, get_context("spawn"), yield_to_workers)
    try:
        with pool:
            return pool.submit(function, *args).result()
    except ArtifactError as error:
        raise error from None  # the traceback of the other process is in nobody's answer
    except BrokenProcessPool as error:
        raise ArtifactError(
            store.root, "cannot be loaded: the process ended, perhaps for lack of memory"
        ) from error


def _load(store: Store, release: Release) -> None:
    load_release(store, release)


def _compare(store: Store, active: Release, challenger: Release) -> Document:
    before, after = load_release(store, active), load_release(store, challenger)
    return compare_challenger(
        before.engine, after.engine, before.forecasts.mean, after.forecasts.mean
    )
