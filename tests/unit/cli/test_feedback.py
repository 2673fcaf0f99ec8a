"""`mlrf feedback export`: what was sold instead of predictions, as a file to train on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
import polars as pl
import pytest
from sqlalchemy import Engine

from cli.main import FAILED
from config.settings import get_settings
from models.bundle import Bundle, load_bundle
from storage.artifacts import Store
from storage.audit import Actor
from storage.database import open_database
from storage.feedback import FeedbackStore, Place, RecordedPrediction
from storage.migrations import upgrade
from tests.support.command import Run, set_environment

ANNA = Actor("key:anna")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path}/var/mlrf.db")
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture(autouse=True)
def _own_settings(
    monkeypatch: pytest.MonkeyPatch, trained: Store, tmp_path: Path, engine: Engine
) -> Iterator[None]:
    set_environment(
        monkeypatch,
        ARTIFACTS_DIR=trained.root,
        DATABASE_URL=f"sqlite:///{tmp_path}/var/mlrf.db",
    )
    yield
    get_settings.cache_clear()


@pytest.fixture
def bundle(trained: Store) -> Bundle:
    return load_bundle(trained.bundles / trained.current().bundle)


@pytest.fixture
def feedback(engine: Engine) -> FeedbackStore:
    return FeedbackStore(engine)


def predict(feedback: FeedbackStore, bundle: Bundle, name: str, *, days: float = 0) -> None:
    """Record the answer to two rows of features, made some days ago, and report the second."""
    rows = np.zeros((2, len(bundle.contract.names)), dtype=np.float32)
    rows[:, bundle.contract.horizon_column] = [1, 2]
    rows[:, 0 if bundle.contract.horizon_column else 1] = np.nan
    units = bundle.model.predict(rows)
    answer = {"outputs": [{"data": units.tolist()}]}
    feedback.add(
        [
            RecordedPrediction(
                request_id=name,
                caller="local",
                operation="POST /v2/models/mlrf/infer",
                bundle=bundle.name,
                snapshot="a-snapshot",
                at=datetime.now(UTC) - timedelta(days),
                seconds=0.01,
                inputs=orjson.dumps({"rows": rows.tolist()}).decode(),
                answer=orjson.dumps(answer).decode(),
            )
        ]
    )
    (stored,) = feedback.find(name)
    feedback.report(stored, [(Place(1, None), 7.5)], by=ANNA)


def test_the_features_of_the_file_are_what_the_model_takes(
    run: Run, feedback: FeedbackStore, bundle: Bundle, tmp_path: Path
) -> None:
    predict(feedback, bundle, "one")
    out = tmp_path / "feedback.parquet"
    done = run("feedback", "export", "--out", str(out))
    assert done.status == 0, done.err
    frame = pl.read_parquet(out)
    names = list(bundle.contract.names)
    assert frame.columns[: len(names)] == names
    matrix = frame.select(names).fill_null(float("nan")).to_numpy()
    assert bundle.model.predict(matrix.astype(np.float32)).tolist() == frame["prediction"].to_list()
    (row,) = frame.select(pl.exclude(names)).iter_rows(named=True)
    assert (row["request_id"], row["row"], row["actual"]) == ("one", 1, 7.5)
    assert row["release"] == bundle.name
    assert frame[names[1] if bundle.contract.horizon_column == 0 else names[0]].null_count() == 1


def test_only_the_predictions_of_the_last_days_are_written(
    run: Run, feedback: FeedbackStore, bundle: Bundle, tmp_path: Path
) -> None:
    predict(feedback, bundle, "old", days=31)
    predict(feedback, bundle, "new", days=29)
    out = tmp_path / "feedback.parquet"
    done = run("feedback", "export", "--days", "30", "--out", str(out), "--json")
    document = json.loads(done.out)
    assert (document["rows"], document["requests"], document["release"]) == (1, 1, bundle.name)
    assert pl.read_parquet(out)["request_id"].to_list() == ["new"]


def test_too_few_rows_write_nothing_and_fail(
    run: Run, feedback: FeedbackStore, bundle: Bundle, tmp_path: Path
) -> None:
    predict(feedback, bundle, "one")
    out = tmp_path / "feedback.parquet"
    done = run("feedback", "export", "--min-rows", "2", "--out", str(out))
    assert done.status == FAILED
    assert "1 rows" in done.err
    assert "2 are needed" in done.err
    assert not out.exists()


def test_a_release_that_does_not_exist_is_an_error(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "feedback.parquet"
    done = run("feedback", "export", "--release", "another", "--out", str(out))
    assert done.status == FAILED
    assert "another" in done.err


def test_a_file_that_cannot_be_written_is_an_error(run: Run, tmp_path: Path) -> None:
    done = run("feedback", "export", "--out", str(tmp_path / "missing" / "x.parquet"))
    assert done.status == FAILED
    assert "is not a folder" in done.err
