"""GET /exceptions: what a planner looks at first."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from errors import Code
from features.data.snapshot import Snapshot
from models.exceptions import DeviationKind
from models.serving.release import LoadedRelease
from tests.contract.conftest import Client, LocalRunners

KINDS = [kind.value for kind in DeviationKind]


@pytest.fixture
def client_of_mean(
    client_with: Callable[..., Client], serving_release: LoadedRelease
) -> Callable[[np.ndarray], Client]:
    """Make servers with other stored forecasts."""

    def client_of_mean(mean: np.ndarray) -> Client:
        forecasts = replace(serving_release.forecasts, mean=mean)
        return client_with(release=replace(serving_release, forecasts=forecasts))

    return client_of_mean


@pytest.fixture
def doubled(client_of_mean: Callable[..., Client], serving_release: LoadedRelease) -> Client:
    """A server whose forecasts are twice those of the model."""
    return client_of_mean(2 * serving_release.forecasts.mean)


def without_recent(release: LoadedRelease) -> LoadedRelease:
    """Return a release whose forecasts of the recent days are not stored."""
    return replace(release, forecasts=replace(release.forecasts, recent=None))


def test_the_next_four_weeks_are_looked_at(client: Client, newest: date) -> None:
    answer = client.get("/exceptions").json()
    assert answer["date"] == (newest + timedelta(1)).isoformat()
    assert (answer["horizon"], answer["origin"]) == (28, newest.isoformat())
    assert list(answer["counts"]) == KINDS
    assert answer["not_checked"] == []


def test_an_entry_has_its_numbers_in_fields_and_in_a_sentence(
    doubled: Client, snapshot: Snapshot
) -> None:
    answer = doubled.get("/exceptions", kind="last-year", level="total").json()
    (entry,) = answer["exceptions"]
    start = snapshot.n_days - 364
    sold = snapshot.sales[0, start : start + 28].sum()
    assert entry["reference"] == pytest.approx(sold)
    assert entry["units"] == pytest.approx(entry["forecast"] - sold)
    assert entry["change"] == pytest.approx(entry["units"] / sold)
    assert (entry["node"], entry["level"], entry["in_sample"]) == ("total", "total", False)
    first, last = snapshot.date_at(start), snapshot.date_at(start + 27)
    assert entry["detail"] == (
        f"Forecast: {entry['forecast']:,.0f} units from {entry['first']} to {entry['last']}, "
        f"{100 * entry['change']:.0f} % more than the {sold:,.0f} sold from {first} to {last}; "
        f"{100 * entry['comparable']['change']:.0f} % more without series that are new since."
    )


def test_the_most_units_come_first(doubled: Client) -> None:
    units = [abs(entry["units"]) for entry in doubled.get("/exceptions").json()["exceptions"]]
    assert units == sorted(units, reverse=True)
    assert len(units) > 20


def test_all_are_counted_and_each_kind_has_a_share_of_the_list(doubled: Client) -> None:
    answer = doubled.get("/exceptions", limit=6).json()
    listed = [entry["kind"] for entry in answer["exceptions"]]
    counts = answer["counts"]
    assert len(listed) == 6
    assert counts["last-year"] > 20
    assert {kind for kind, count in counts.items() if count} == set(listed)


@pytest.mark.parametrize("level", ["total", "store", "family", "bottom"])
def test_a_level_is_listed_by_itself(doubled: Client, level: str) -> None:
    answer = doubled.get("/exceptions", kind="recent", level=level, limit=500).json()
    assert {entry["level"] for entry in answer["exceptions"]} == {level}
    assert len(answer["exceptions"]) == answer["counts"]["recent"]


def test_the_horizon_is_that_of_the_request(doubled: Client, newest: date) -> None:
    answer = doubled.get("/exceptions", kind="recent", horizon=7).json()
    assert {entry["last"] for entry in answer["exceptions"]} == {
        (newest + timedelta(7)).isoformat()
    }


def test_recent_sales_are_compared_with_the_interval_of_their_own_origin(
    client_with: Callable[..., Client], serving_release: LoadedRelease, newest: date
) -> None:
    """The model that would have forecast a tenth is far below what was sold."""

    class Tenth(LocalRunners):
        async def infer(self, *args: Any) -> Any:
            return await super().infer(*args) / 10

    runners = Tenth(serving_release.engine)
    client = client_with(release=without_recent(serving_release), onnx=runners, reconciler=runners)
    answer = client.get("/exceptions", kind="outside-band", level="total").json()
    (entry,) = answer["exceptions"]
    first = newest - timedelta(27)
    assert (entry["first"], entry["last"]) == (first.isoformat(), newest.isoformat())
    assert entry["units"] < 0
    assert entry["in_sample"] is True
    assert (
        f"forecast on {first - timedelta(1)}, by a model that was trained on these days"
        in (entry["detail"])
    )


def test_no_kind_runs_the_model(client: Client, runners: LocalRunners) -> None:
    for kind in KINDS:
        client.get("/exceptions", kind=kind)
        assert not runners.inferred


def test_recent_days_whose_forecast_is_not_stored_are_forecast_with_the_same_answer(
    client: Client, client_with: Callable[..., Client], serving_release: LoadedRelease
) -> None:
    """By a server of a release that was made by an earlier version."""
    runners = LocalRunners(serving_release.engine)
    older = client_with(release=without_recent(serving_release), onnx=runners, reconciler=runners)
    for kind in KINDS:
        answer = older.get("/exceptions", kind=kind).json()
        assert bool(runners.inferred) is (kind == "outside-band")
        assert answer == client.get("/exceptions", kind=kind).json()
        runners.inferred.clear()


def test_what_the_data_are_too_short_for_is_named(
    client_with: Callable[..., Client], serving_release: LoadedRelease, snapshot: Snapshot
) -> None:
    engine = copy(serving_release.engine)
    days = snapshot.n_days - 70
    engine.snapshot = replace(
        snapshot,
        facts=snapshot.facts.model_copy(update={"first_date": snapshot.date_at(days)}),
        sales=snapshot.sales[:, days:],
        estimated=None,
        covariates={name: values[:, days:] for name, values in snapshot.covariates.items()},
    )
    client = client_with(release=replace(serving_release, engine=engine))
    answer = client.get("/exceptions").json()
    assert {each["kind"]: each["detail"] for each in answer["not_checked"]} == {
        "last-year": "The data have 70 days of sales; a year before needs 364.",
        "stockout": "The data have 70 days of sales, too few to say what sells usually.",
        "outside-band": "The data have 70 days of sales, too few for a forecast 28 days ago.",
    }
    assert list(answer["counts"]) == ["recent", "promotion", "new-series"]


def test_an_older_model_has_no_intervals_to_compare_with(
    client_with: Callable[..., Client], serving_release: LoadedRelease
) -> None:
    class WithoutPaths:
        has_paths = False

    client = client_with(release=replace(serving_release, intervals=WithoutPaths()))
    (skipped,) = client.get("/exceptions", kind="outside-band").json()["not_checked"]
    assert "train it again" in skipped["detail"]


@pytest.mark.parametrize(
    ("query", "code", "pointer"),
    [
        pytest.param({"level": "shop"}, Code.INVALID_REQUEST, "level", id="no such level"),
        pytest.param({"kind": "odd"}, Code.INVALID_REQUEST, "kind", id="no such kind"),
        pytest.param({"limit": 501}, Code.INVALID_REQUEST, "limit", id="too many"),
        pytest.param({"limit": 0}, Code.INVALID_REQUEST, "limit", id="none"),
        pytest.param({"horizon": 91}, Code.INVALID_HORIZON, "horizon", id="too far"),
        pytest.param({"horizon": 0}, Code.INVALID_HORIZON, "horizon", id="no day"),
    ],
)
def test_an_invalid_query_is_refused(
    client: Client, query: dict[str, Any], code: Code, pointer: str
) -> None:
    problem = client.problem(client.get("/exceptions", **query), code)
    assert problem["errors"][0]["pointer"] == pointer


def test_an_answer_is_cached_and_has_an_etag(client: Client) -> None:
    first, second = client.get("/exceptions"), client.get("/exceptions")
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("miss", "hit")
    same = client.request("GET", "/exceptions", headers={"If-None-Match": first.headers["etag"]})
    assert same.status_code == 304
