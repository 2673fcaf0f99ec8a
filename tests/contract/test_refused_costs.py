"""The cost of requests that are refused because of their cost."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.forecasts import items
from errors import Code
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.artifacts import Store
from tests.contract.composed import KeyClient, bearer, compose_application
from tests.contract.conftest import FixedServing, LocalRunners

ROW = "1,DAIRYY,15"
HEADER = "store_nbr,family,horizon"


@pytest.fixture
def client(tmp_path: Path, trained: Store, serving_release: LoadedRelease) -> KeyClient:
    runners = LocalRunners(serving_release.engine)
    serving = FixedServing(Forecaster(serving_release, runners, runners))
    tiers = {
        "small": {"quota": 1, "window": 1000, "burst": 20},
        "middle": {"quota": 1, "window": 1000, "burst": 200},
        "large": {"quota": 1, "window": 1000, "burst": 10_100},
    }
    return KeyClient(compose_application(tmp_path, trained, serving_release, serving, tiers=tiers))


def post_table(
    client: KeyClient, tier: str, rows: list[str], header: str = HEADER
) -> httpx.Response:
    headers = {**bearer(["batch"], tier=tier), "Content-Type": "text/csv"}
    return client.request(
        "POST", "/predict/batch", content="\n".join([header, *rows]), headers=headers
    )


def remaining(response: httpx.Response) -> int:
    return int(response.headers["x-ratelimit-remaining"])


def test_a_table_above_the_burst_is_not_validated_and_costs_only_its_parsing(
    client: KeyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def validate_document(*_: Any) -> None:
        raise AssertionError("a row was checked")

    monkeypatch.setattr(items, "validate_document", validate_document)
    refused = post_table(client, "middle", [ROW] * 10_000)
    client.problem(refused, Code.COST_TOO_HIGH)
    assert remaining(refused) == 200 - 10_000 // 100


def test_misspelt_rows_cost_as_much_as_good_ones(client: KeyClient) -> None:
    answered = post_table(client, "large", [f"{row},F{row},15" for row in range(300)])
    assert answered.status_code == 200
    assert remaining(answered) == 10_100 - 300


@pytest.mark.parametrize(
    ("good", "misspelt", "cost"), [(190, 0, 19), (100, 90, 100)], ids=["good", "misspelt"]
)
def test_a_batch_refused_for_its_past_dates_costs_its_validation(
    client: KeyClient, newest: date, good: int, misspelt: int, cost: int
) -> None:
    past = newest - timedelta(20)
    rows = [f"1,DAIRY,15,{past}"] * good + [f"1,DAIRYY,15,{past}"] * misspelt
    refused = post_table(client, "middle", rows, f"{HEADER},date")
    client.problem(refused, Code.COST_TOO_HIGH)
    assert remaining(refused) == 200 - cost


@pytest.mark.parametrize(
    ("path", "scope"), [("/explain", "explain"), ("/whatif", "whatif")], ids=["explain", "whatif"]
)
def test_a_call_above_the_burst_costs_one_unit(
    client: KeyClient, newest: date, path: str, scope: str, serving_release: LoadedRelease
) -> None:
    """Also when the cost is known only after the body was read."""
    family = serving_release.engine.snapshot.hierarchy.bottoms["family"][0]
    body: dict[str, Any] = {"store_nbr": 1, "family": family}
    if path == "/whatif":
        body |= {"horizon": 15, "adjustments": {"onpromotion": {"op": "add", "value": 3}}}
        body["date"] = (newest - timedelta(20)).isoformat()
    headers = bearer([scope], tier="small")
    refused = client.request("POST", path, json=body, headers=headers)
    client.problem(refused, Code.COST_TOO_HIGH)
    assert remaining(refused) == 19
