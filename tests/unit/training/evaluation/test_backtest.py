"""Rolling origins: windows, the data known to each model, and resumed runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from features.data.snapshot import Snapshot
from features.data.specification import FAVORITA
from models.bundle import Bundle, load_bundle
from training.engines.fitting_backend import LocalBackend
from training.evaluation import backtest as module
from training.evaluation.backtest import Backtest, means
from training.evaluation.backtest_result import OURS, PREVIOUS, RESULT_FILE, Document
from training.evaluation.scores import point_scores
from training.evaluation.windows import (
    APART,
    HOLDOUT,
    SHORT_DAYS,
    TUNING,
    BacktestWindow,
    windows_of,
)
from training.history import TooLittleHistoryError
from training.progress import Clock, NullReporter
from training.recipe import Recipe

pytestmark = pytest.mark.slow

Values = NDArray[np.float64]
Make = Callable[..., Backtest]


@pytest.fixture
def make(snapshot: Snapshot, quick: Recipe, few: None) -> Make:
    """Make a backtest in a folder."""

    def make(
        folder: Path, *, data: Snapshot = snapshot, previous: Bundle | None = None
    ) -> Backtest:
        clock = Clock(NullReporter())
        return Backtest(
            data, quick, folder, engine=LocalBackend(1), threads=1, clock=clock, previous=previous
        )

    return make


# --- windows ----------------------------------------------------------------------------------


def test_the_newest_days_are_the_holdout_and_windows_follow_backwards(
    snapshot: Snapshot,
) -> None:
    short = [window for window in windows_of(snapshot, short=3) if window.days == SHORT_DAYS]
    assert [window.role for window in short] == [HOLDOUT, TUNING, TUNING, TUNING, APART]
    assert short[0].origin + SHORT_DAYS == snapshot.newest_origin
    for later, earlier in pairwise(short):
        assert earlier.origin + SHORT_DAYS == later.origin, "no day is in two of them"
    assert {window.lead for window in short} == {SHORT_DAYS}


def test_long_windows_come_with_promotions_and_without(snapshot: Snapshot) -> None:
    long = [window for window in windows_of(snapshot, long=2) if window.days == FAVORITA.horizon]
    ends = [snapshot.newest_origin, snapshot.newest_origin - FAVORITA.horizon]
    assert [(window.origin + FAVORITA.horizon, window.lead) for window in long] == [
        (end, lead) for end in ends for lead in (FAVORITA.horizon, 0)
    ]
    assert {window.role for window in long} == {TUNING}
    assert len({window.group for window in long}) == 2


def test_windows_have_unique_names(snapshot: Snapshot) -> None:
    windows = windows_of(snapshot)
    assert len({window.name(snapshot) for window in windows}) == len(windows)


# --- the document -----------------------------------------------------------------------------


def test_every_model_is_fitted_on_the_days_up_to_its_window(document: Document) -> None:
    for window in document["windows"]:
        assert window["fitted_through"] == window["origin"]
        assert window["incoherence"] < 1e-9


def test_means_cover_the_tuning_windows_only(document: Document) -> None:
    tuning = [
        window["models"][OURS]["rmsle"]
        for window in document["windows"]
        if window["role"] == TUNING and window["group"] == "16 days"
    ]
    scores = document["means"]["16 days"][OURS]
    assert scores["windows"] == len(tuning) == 2
    assert scores["rmsle"] == pytest.approx(np.mean(tuning))


def test_a_mean_of_missing_figures_is_missing() -> None:
    window = {"group": "a", "role": TUNING, "models": {OURS: {"rmsle": 1.0, "wrmsse": None}}}
    assert means([window]) == {"a": {OURS: {"rmsle": 1.0, "wrmsse": None, "windows": 1}}}


def test_the_document_is_strict_json(backtested: Path) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    json.loads((backtested / RESULT_FILE).read_text(encoding="utf-8"), parse_constant=refuse)


def test_missing_figures_are_equal_in_a_first_and_a_resumed_run(
    make: Make, snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise NaN would become null only when read back."""

    def without(*arguments: Any) -> Document:
        return point_scores(*arguments) | {"wrmsse": float("nan")}

    monkeypatch.setattr(module, "point_scores", without)
    windows = windows_of(snapshot, short=1, long=1)[1:2]
    first = make(tmp_path).run(windows)
    assert first["means"]["16 days"][OURS]["wrmsse"] is None
    assert make(tmp_path).run(windows) == first


# --- no look-ahead ----------------------------------------------------------------------------


@pytest.mark.parametrize("lead", [SHORT_DAYS, 0], ids=["promotions known", "not known"])
def test_sales_after_the_origin_change_no_forecast(
    make: Make,
    snapshot: Snapshot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    draw: np.random.Generator,
    lead: int,
) -> None:
    origin = snapshot.newest_origin - 40
    hierarchy = snapshot.hierarchy
    bottoms = np.array(snapshot.sales[hierarchy.n_upper :])
    after = bottoms[:, origin + 1 :]
    after[:] = draw.gamma(2, 500, after.shape)
    altered = replace(
        snapshot,
        name="altered",
        sales=hierarchy.aggregate(bottoms),
        covariates={
            "transactions": _noise_after(snapshot.covariates["transactions"], origin, draw),
            "onpromotion": _noise_after(snapshot.covariates["onpromotion"], origin + lead, draw),
        },
    )
    window = BacktestWindow("16 days", TUNING, origin, SHORT_DAYS, lead)
    seen: dict[str, list[Values]] = {}
    for name, data in (("as it was", snapshot), ("altered", altered)):
        seen[name] = []

        def keep(forecast: Values, *others: Any, recorded: list[Values] = seen[name]) -> Document:
            recorded.append(forecast)
            return {"rmsle": 0.0, "wrmsse": 0.0, "levels": {}}

        with monkeypatch.context() as patch:
            patch.setattr(module, "point_scores", keep)
            patch.setattr(module, "write_report", lambda *_: None)
            patch.setattr(Backtest, "_score_intervals", lambda _: {})
            make(tmp_path / name, data=data).run([window])
    assert len(seen["as it was"]) == 3, "ours and two baselines"
    for before, now in zip(seen["as it was"], seen["altered"], strict=True):
        np.testing.assert_array_equal(now, before)


def _noise_after(values: NDArray[Any], origin: int, draw: np.random.Generator) -> NDArray[Any]:
    """Return the values, replaced by noise after the origin."""
    altered = values.copy()
    after = altered[..., origin + 1 :]
    after[...] = draw.gamma(2, 500, after.shape)
    return altered


def test_too_little_history_is_reported_before_the_first_fit(
    make: Make, snapshot: Snapshot, tmp_path: Path
) -> None:
    early = BacktestWindow("16 days", TUNING, 20, SHORT_DAYS, SHORT_DAYS)
    with pytest.raises(TooLittleHistoryError, match=r"needs \d+ days of sales, not \d+"):
        make(tmp_path).run([*windows_of(snapshot), early])
    assert list(tmp_path.iterdir()) == []


# --- resumed runs -----------------------------------------------------------------------------


class Killed(Exception):
    """Raised to end a run early."""


def test_an_interrupted_run_resumes_and_gives_the_same_document(
    make: Make,
    snapshot: Snapshot,
    document: Document,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    windows = windows_of(snapshot, short=2, long=1)
    scored: list[int] = []
    models = len(document["windows"][0]["models"])

    def until_the_third_window(*arguments: Any) -> Document:
        scored.append(1)
        if len(scored) == 2 * models + 2:  # in the third window, after some of its models
            raise Killed
        return point_scores(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(module, "point_scores", until_the_third_window)
        with pytest.raises(Killed):
            make(tmp_path).run(windows)
    assert not (tmp_path / RESULT_FILE).exists()
    assert len(list((tmp_path / "results").iterdir())) == 2

    fitted, fit = [], module.fit_model

    def count(*arguments: Any, **options: Any) -> Any:
        fitted.append(options["last_target"])
        return fit(*arguments, **options)

    monkeypatch.setattr(module, "fit_model", count)
    assert make(tmp_path).run(windows) == document
    assert not {window.origin for window in windows[:3]} & set(fitted), "those were fitted before"


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the roles of the windows scored rather than taken from an earlier run."""
    roles: list[str] = []
    score = Backtest._score

    def keep(self: Backtest, window: BacktestWindow) -> Document:
        roles.append(window.role)
        return score(self, window)

    monkeypatch.setattr(Backtest, "_score", keep)
    return roles


def test_a_finished_run_is_not_run_again(
    make: Make, snapshot: Snapshot, document: Document, own_backtest: Path, scored: list[str]
) -> None:
    assert make(own_backtest).run(windows_of(snapshot, short=2, long=1)) == document
    assert scored == []


def test_a_window_has_the_role_that_this_run_gives_it(
    make: Make, snapshot: Snapshot, own_backtest: Path, scored: list[str]
) -> None:
    """A window left out of the means in a short run is averaged in a longer one."""
    windows = windows_of(snapshot, short=2, long=1)
    apart = next(window for window in windows if window.role == APART)
    result = make(own_backtest).run([replace(apart, role=TUNING)])
    assert scored == []
    assert [window["role"] for window in result["windows"]] == [TUNING]
    assert result["means"]["16 days"][OURS]["windows"] == 1


def test_results_of_other_features_are_not_reused(
    make: Make,
    snapshot: Snapshot,
    own_backtest: Path,
    scored: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FEATURES_VERSION", module.FEATURES_VERSION + 1)
    monkeypatch.setattr(Backtest, "_score_intervals", lambda _: {})
    monkeypatch.setattr(module, "write_report", lambda *_: None)
    make(own_backtest).run(windows_of(snapshot, short=1, long=1)[:1])
    assert scored == [HOLDOUT]


def test_the_previous_bundle_is_scored_on_unseen_windows(
    make: Make, snapshot: Snapshot, document: Document, own_backtest: Path
) -> None:
    """The folder may have an earlier run without it."""
    windows = windows_of(snapshot, short=2, long=1)
    middle = next(window for window in document["windows"] if window["role"] == TUNING)
    name = next(own_backtest.glob(f"bundles/{middle['origin']}-*"))
    result = make(own_backtest, previous=load_bundle(name)).run(windows)
    for before, now in zip(document["windows"], result["windows"], strict=True):
        unseen = now["origin"] >= middle["origin"]
        assert (PREVIOUS in now["models"]) == unseen
        assert now["models"].pop(PREVIOUS, None) is None or unseen
        assert now == before
