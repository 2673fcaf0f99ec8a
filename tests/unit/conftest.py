"""A backtest of the demo data: small, but a real one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from features.snapshot import Snapshot
from training import backtest as module
from training.backtest import Backtest
from training.backtest_result import RESULT_FILE, Document, load_document
from training.clock import Clock, NullReporter
from training.recipe import Recipe
from training.windows import windows_of


@pytest.fixture(scope="session")
def quick(recipe: Recipe) -> Recipe:
    """A recipe that trains in no time, and badly."""
    last = recipe.segments[-1]
    member = last.members[0].model_copy(update={"trees": 5})
    sparse = last.model_copy(
        update={
            "origin_step": 90,
            "max_rows": 2000,
            "members": (member,),
            "blend": {member.name: 1.0},
        }
    )
    return recipe.model_copy(update={"segments": (sparse,)})


@contextmanager
def _few() -> Iterator[None]:
    """Without Theta, which is slow, and with few origins for the intervals."""
    with pytest.MonkeyPatch.context() as patch:
        kept = {name: call for name, call in module.BASELINES.items() if name != "theta"}
        patch.setattr(module, "BASELINES", kept)
        patch.setattr(module, "CALIBRATION_ORIGINS", 8)
        patch.setattr(module, "EVALUATION_ORIGINS", 5)
        yield


@pytest.fixture
def few() -> Iterator[None]:
    with _few():
        yield


@pytest.fixture(scope="session")
def backtested(shared_folder: Path, snapshot: Snapshot, quick: Recipe) -> Path:
    """The folder of a finished backtest. Tests that alter it take a copy."""
    folder = shared_folder / "backtest"
    with FileLock(shared_folder / "backtest.lock"):
        if not (folder / RESULT_FILE).exists():
            with _few():
                run = Backtest(snapshot, quick, folder, threads=1, clock=Clock(NullReporter()))
                run.run(windows_of(snapshot, short=2, long=1))
    return folder


@pytest.fixture
def own_backtest(backtested: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(backtested, tmp_path / "backtest"))


@pytest.fixture
def document(backtested: Path) -> Document:
    """What the backtest wrote; a test may alter it."""
    return load_document(backtested / RESULT_FILE)


def without(document: Document, *names: str) -> Document:
    """The document, its figures of these names not existing."""

    def strip(value: object) -> object:
        if isinstance(value, dict):
            return {
                key: None if key in names and not isinstance(item, dict) else strip(item)
                for key, item in value.items()
            }
        return [strip(item) for item in value] if isinstance(value, list) else value

    stripped = strip(document)
    assert isinstance(stripped, dict)
    return stripped


@pytest.fixture
def gaps(document: Document) -> Document:
    """A document in which some figures do not exist: a level has sold nothing."""
    return without(document, "wape", "bias", "wrmsse", "rmsse")
