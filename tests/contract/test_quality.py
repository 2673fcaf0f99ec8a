"""GET /accuracy and /model-metrics: the metrics of the bundle."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from typing import Any

import pytest

from features.data.specification import FAVORITA
from models.buckets import buckets_of
from models.bundle import Bundle
from models.serving.release import LoadedRelease


def test_metrics_are_those_of_the_bundle(client: Any, bundle: Bundle) -> None:
    answer = client.get("/model-metrics").json()
    assert answer == {"model_version": bundle.name, "metrics": bundle.metrics}


def test_without_a_backtest_the_accuracy_comes_from_the_calibration(
    client: Any, bundle: Bundle
) -> None:
    answer = client.get("/accuracy").json()
    assert (answer["source"], answer["model_version"]) == ("calibration", bundle.name)
    (group,) = answer["groups"]
    calibration = bundle.metrics["calibration"]
    assert group["windows"] == calibration["origins"]["n"]
    assert len(group["levels"]) == 4 * len(buckets_of(FAVORITA))
    for cell in group["levels"]:
        measured = calibration["levels"][cell["level"]][cell["days"]]
        assert {name: cell[name] for name in measured} == measured


def window(role: str, group: str, wape: float | None) -> dict[str, Any]:
    cell = {"rmsle": 0.4, "wape": wape, "bias": -0.1}
    levels = {"total": {"buckets": {"1-7": cell}}}
    scores = {"rmsle": 0.4, "wrmsse": wape, "levels": levels}
    return {"role": role, "group": group, "models": {"mlrf": scores}}


@pytest.fixture
def backtest() -> dict[str, Any]:
    return {
        "windows": [
            window("tuning", "16 days", 0.2),
            window("tuning", "16 days", 0.4),
            window("holdout", "16 days", 9.0),
            window("tuning", "90 days", None),
        ],
        "intervals": {"levels": {"total": {"1-7": {"wis": 3.0, "80%": {"coverage": 0.81}}}}},
    }


def test_a_sealed_backtest_is_averaged_over_its_windows(
    client_with: Callable[..., Any],
    serving_release: LoadedRelease,
    bundle: Bundle,
    backtest: dict[str, Any],
) -> None:
    """The holdout is in no average, and a figure that one window lacks has no mean."""
    engine = copy(serving_release.engine)
    engine.bundle = replace(bundle, metrics={**bundle.metrics, "backtest": backtest})
    answer = client_with(release=replace(serving_release, engine=engine)).get("/accuracy").json()
    assert answer["source"] == "backtest"
    short, long = answer["groups"]
    assert (short["group"], short["windows"]) == ("16 days", 2)
    assert short["wrmsse"] == pytest.approx(0.3)
    assert short["levels"] == [
        {
            "level": "total",
            "days": "1-7",
            "rmsle": pytest.approx(0.4),
            "wape": pytest.approx(0.3),
            "bias": pytest.approx(-0.1),
            "coverage": {"80%": 0.81},
            "baselines": {},
        }
    ]
    assert (long["windows"], long["wrmsse"], long["levels"][0]["wape"]) == (1, None, None)
