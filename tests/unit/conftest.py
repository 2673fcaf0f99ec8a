"""The `mlrf` command, and a small backtest of the demo data."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from config.settings import get_settings
from features.data.snapshot import Snapshot
from tests.support.command import Run, runner, set_environment
from training.engines.fitting_backend import LocalBackend
from training.evaluation import backtest as module
from training.evaluation.backtest import Backtest
from training.evaluation.backtest_result import RESULT_FILE, Document, load_document
from training.evaluation.windows import windows_of
from training.progress import Clock, NullReporter
from training.recipe import Recipe


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `mlrf` in this process."""
    return runner(monkeypatch, capsys)


@pytest.fixture
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, object]]:
    """Settings of the store and the database in the folder of the test, as variables.

    The store is that of `own_store`, and empty without it.
    """
    variables: dict[str, object] = {
        "ARTIFACTS_DIR": tmp_path / "artifacts",
        "DATABASE_URL": f"sqlite:///{tmp_path}/var/mlrf.db",
    }
    set_environment(monkeypatch, **variables)
    yield variables
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def quick(recipe: Recipe) -> Recipe:
    """Return a recipe that trains fast and badly."""
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
def _reduce_cost() -> Iterator[None]:
    """Leave out Theta, which is slow, and use few origins for the intervals."""
    with pytest.MonkeyPatch.context() as patch:
        fast_baselines = {name: call for name, call in module.BASELINES.items() if name != "theta"}
        patch.setattr(module, "BASELINES", fast_baselines)
        patch.setattr(module, "CALIBRATION_ORIGINS", 8)
        patch.setattr(module, "EVALUATION_ORIGINS", 5)
        yield


@pytest.fixture
def few() -> Iterator[None]:
    with _reduce_cost():
        yield


@pytest.fixture(scope="session")
def backtested(shared_folder: Path, snapshot: Snapshot, quick: Recipe) -> Path:
    """Return the folder of a finished backtest. Tests that change it take a copy."""
    folder = shared_folder / "backtest"
    with FileLock(shared_folder / "backtest.lock"):
        if not (folder / RESULT_FILE).exists():
            with _reduce_cost():
                run = Backtest(
                    snapshot,
                    quick,
                    folder,
                    engine=LocalBackend(1),
                    threads=1,
                    clock=Clock(NullReporter()),
                )
                run.run(windows_of(snapshot, short=2, long=1))
    return folder


@pytest.fixture
def own_backtest(backtested: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(backtested, tmp_path / "backtest"))


@pytest.fixture
def document(backtested: Path) -> Document:
    """Return the document of the backtest, which a test may change."""
    return load_document(backtested / RESULT_FILE)


def without(document: Document, *names: str) -> Document:
    """Return the document with all figures of these names set to null."""

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
    """Return a document in which some figures do not exist: a level has no sales."""
    return without(document, "wape", "bias", "wrmsse", "rmsse")
