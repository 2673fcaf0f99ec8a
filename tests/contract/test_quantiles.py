"""Quantiles of any probability, in every operation whose answers have intervals."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NamedTuple

import pytest

from errors import Code
from models.intervals import MAX_NOMINAL, MAX_PROBABILITY, MIN_NOMINAL, MIN_PROBABILITY
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from tests.contract.conftest import Client, FixedServing, LocalRunners, client_of

SERIES = {"store_nbr": 1, "family": "DAIRY"}
Json = dict[str, Any]


class Call(NamedTuple):
    """A request that takes intervals and quantiles."""

    method: str
    path: str
    fields: Json

    def send(self, client: Client, *, intervals: list[int], quantiles: list[float]) -> Any:
        """Return the JSON of the answer."""
        wanted: Json = {"intervals": intervals, "quantiles": quantiles}
        if self.method == "GET":
            listed = {name: ",".join(map(str, values)) for name, values in wanted.items() if values}
            response = client.request("GET", self.path, params={**self.fields, **listed})
        elif self.path == "/predict/batch":
            items = [{**item, **wanted} for item in self.fields["predictions"]]
            response = client.request("POST", self.path, json={"predictions": items})
        else:
            response = client.request("POST", self.path, json={**self.fields, **wanted})
        assert response.status_code == 200, response.text
        return response.json()


CALLS = [
    pytest.param(Call("POST", "/predict/simple", {**SERIES, "horizon": 9}), id="series"),
    pytest.param(Call("POST", "/forecast", {"node": "total", "horizon": 9}), id="total"),
    pytest.param(
        Call("POST", "/forecast", {"node": "family:DAIRY", "date": "2024-03-03", "horizon": 3}),
        id="family, past",
    ),
    pytest.param(
        Call("POST", "/forecast", {"store_nbr": 2, "horizon": 30, "period": "week"}), id="weeks"
    ),
    pytest.param(
        Call("POST", "/forecast", {"node": "total", "horizon": 40, "period": "month"}), id="months"
    ),
    pytest.param(Call("GET", "/hierarchy", {"depth": 2}), id="tree of a day"),
    pytest.param(Call("GET", "/hierarchy", {"horizon": 15, "depth": 1}), id="tree of a sum"),
    pytest.param(
        Call(
            "POST",
            "/predict/batch",
            {
                "predictions": [
                    *[{**SERIES, "store_nbr": store, "horizon": 4} for store in (1, 2, 3) * 3],
                    {"node": "store:3/family:BOOKS", "horizon": 4},
                ]
            },
        ),
        id="batch",
    ),
]
every_call = pytest.mark.parametrize("call", CALLS)


def numbers_of(document: Any) -> Iterator[Json]:
    """Yield every object of an answer that has a prediction and its intervals."""
    if isinstance(document, list):
        for each in document:
            yield from numbers_of(each)
    elif isinstance(document, dict):
        if "intervals" in document:
            yield document
        for each in document.values():
            yield from numbers_of(each)


def values_of(document: Json) -> list[float]:
    return [each["value"] for each in document["quantiles"]]


@every_call
def test_an_answer_has_no_member_for_quantiles_that_are_not_wanted(
    client: Client, call: Call
) -> None:
    plain = call.send(client, intervals=[80], quantiles=[])
    answer = call.send(client, intervals=[80], quantiles=[0.1, 0.9])
    without = deepcopy(answer)
    for each in numbers_of(without):
        del each["quantiles"]
    assert without == plain
    assert answer != plain


@every_call
def test_quantiles_are_listed_once_and_ascend(client: Client, call: Call) -> None:
    answer = call.send(client, intervals=[], quantiles=[0.9, 0.1, 0.5, 0.9])
    documents = list(numbers_of(answer))
    assert documents
    for each in documents:
        assert each["intervals"] == []
        assert [quantile["probability"] for quantile in each["quantiles"]] == [0.1, 0.5, 0.9]
        assert 0 <= values_of(each)[0] <= values_of(each)[1] <= values_of(each)[2]


@every_call
@pytest.mark.parametrize("nominal", [MIN_NOMINAL, 80, MAX_NOMINAL])
def test_quantiles_at_the_tails_of_an_interval_are_its_bounds(
    client: Client, call: Call, nominal: int
) -> None:
    """Unless the interval is widened to hold the prediction, as narrow ones may be."""
    tails = [(100 - nominal) / 200, (100 + nominal) / 200]
    for each in numbers_of(call.send(client, intervals=[nominal], quantiles=tails)):
        (interval,), (below, above) = each["intervals"], values_of(each)
        prediction = each["prediction"]
        assert interval["lower"] == pytest.approx(min(below, prediction), rel=1e-9, abs=1e-9)
        assert interval["upper"] == pytest.approx(max(above, prediction), rel=1e-9, abs=1e-9)


@every_call
def test_a_cached_answer_is_the_computed_one(client: Client, call: Call) -> None:
    first = call.send(client, intervals=[80], quantiles=[0.1])
    other = call.send(client, intervals=[80], quantiles=[0.2])
    assert first != other
    assert call.send(client, intervals=[80], quantiles=[0.1]) == first
    assert call.send(client, intervals=[80], quantiles=[0.2]) == other


def test_quantiles_in_another_order_are_the_same_request(client: Client) -> None:
    fields = {**SERIES, "horizon": 3}
    first = client.post("/predict/simple", **fields, quantiles=[0.1, 0.9])
    again = client.post("/predict/simple", **fields, quantiles=[0.9, 0.1, 0.9])
    assert [each.headers["x-cache"] for each in (first, again)] == ["miss", "hit"]
    assert again.content == first.content


def test_the_first_day_is_repeated_with_its_quantiles(client: Client) -> None:
    answer = client.post("/predict/simple", **SERIES, horizon=3, quantiles=[0.3]).json()
    assert answer["quantiles"] == answer["forecast"][0]["quantiles"]


def test_the_sum_of_a_tree_has_the_quantiles_of_the_forecast_of_that_sum(client: Client) -> None:
    wanted = [0.005, 0.4, 0.995]
    tree = client.get("/hierarchy", horizon=15, depth=1, quantiles="0.4,0.005,0.995").json()["tree"]
    for node in (tree, *tree["children"]):
        body = {"node": node["id"], "horizon": 15, "period": "horizon", "quantiles": wanted}
        (whole,) = client.post("/forecast", **body).json()["periods"]
        assert node["quantiles"] == whole["quantiles"]


def test_quantiles_of_a_sum_are_not_sums_of_quantiles(client: Client) -> None:
    """Errors of days partly cancel."""
    body = {"node": "total", "horizon": 14, "period": "horizon", "quantiles": [0.05, 0.95]}
    answer = client.post("/forecast", **body).json()
    (whole,) = answer["periods"]
    low, high = (sum(values_of(day)[at] for day in answer["forecast"]) for at in (0, 1))
    assert values_of(whole)[1] - values_of(whole)[0] < high - low


def test_what_never_sold_has_no_sales_up_to_the_median(client: Client) -> None:
    body = {"store_nbr": 3, "family": "BOOKS", "horizon": 5, "quantiles": [0.1, 0.5]}
    answer = client.post("/predict/simple", **body).json()
    assert answer["method"] == "zero_never_sold"
    assert {value for day in answer["forecast"] for value in values_of(day)} == {0}


def test_the_most_quantiles_are_answered(client: Client) -> None:
    wanted = [number / 100 for number in range(1, 100)]
    answer = client.post("/forecast", node="total", horizon=2, quantiles=wanted).json()
    for day in answer["forecast"]:
        assert [each["probability"] for each in day["quantiles"]] == wanted
        assert values_of(day) == sorted(values_of(day))
        assert len(set(values_of(day))) > 90


@pytest.mark.parametrize(
    ("quantiles", "pointer"),
    [
        pytest.param([0], "/quantiles/0", id="zero"),
        pytest.param([0.5, 1], "/quantiles/1", id="one"),
        pytest.param([MIN_PROBABILITY / 2], "/quantiles/0", id="too low"),
        pytest.param([(1 + MAX_PROBABILITY) / 2], "/quantiles/0", id="too high"),
        pytest.param([90], "/quantiles/0", id="a percentage"),
        pytest.param(["0.5"], "/quantiles/0", id="a text"),
        pytest.param([True], "/quantiles/0", id="a boolean"),
        pytest.param([None], "/quantiles/0", id="null"),
        pytest.param(0.5, "/quantiles", id="no list"),
        pytest.param("0.1,0.9", "/quantiles", id="a list as in a query"),
        pytest.param([0.5] * 100, "/quantiles", id="too many"),
    ],
)
def test_quantiles_that_are_not_offered_are_refused(
    client: Client, quantiles: Any, pointer: str
) -> None:
    for path, fields in (("/predict/simple", SERIES), ("/forecast", {"node": "total"})):
        response = client.post(path, **fields, horizon=1, quantiles=quantiles)
        problem = client.problem(response, Code.INVALID_REQUEST)
        assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        pytest.param("0.5,1", "at most 0.995 is expected, not 1", id="too high"),
        pytest.param("0.5;0.9", "A number is expected, not '0.5;0.9'", id="another separator"),
        pytest.param("", "A number is expected, not ''", id="nothing"),
        pytest.param("nan", "A number is expected, not 'nan'", id="no number"),
        pytest.param("5e-1", "A number is expected, not '5e-1'", id="an exponent"),
        pytest.param(",".join(["0.5"] * 100), "At most 99 entries", id="too many"),
    ],
)
def test_quantiles_of_a_query_that_are_not_offered_are_refused(
    client: Client, text: str, fragment: str
) -> None:
    response = client.get("/hierarchy", quantiles=text)
    assert fragment in client.problem(response, Code.INVALID_REQUEST)["detail"]


@pytest.mark.parametrize("path", ["/whatif", "/predict", "/explain"])
def test_an_operation_without_intervals_has_no_quantiles(client: Client, path: str) -> None:
    response = client.post(path, horizon=1, quantiles=[0.5])
    problem = client.problem(response, Code.INVALID_REQUEST)
    assert "/quantiles" in [error["pointer"] for error in problem["errors"]]


def test_a_model_without_paths_has_quantiles_of_days_and_says_that_it_has_none_of_sums(
    serving_release: LoadedRelease, runners: LocalRunners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(serving_release.intervals), "has_paths", False)
    client = client_of(FixedServing(Forecaster(serving_release, runners, runners)))
    body: Json = {"node": "total", "horizon": 7, "intervals": [], "quantiles": [0.9]}
    assert client.post("/forecast", **body).status_code == 200
    refused = client.problem(
        client.post("/forecast", **body, period="horizon"), Code.INTERVALS_UNAVAILABLE
    )
    assert "quantiles of sums" in refused["detail"]
    tree = client.get("/hierarchy", horizon=7, quantiles="0.9")
    client.problem(tree, Code.INTERVALS_UNAVAILABLE)
    assert client.get("/hierarchy", quantiles="0.9").status_code == 200
