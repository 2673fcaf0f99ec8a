"""A retailer with its own columns, levels and covariates is served like any other."""

from __future__ import annotations

import csv
import io
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from errors import Code
from features.data.specification import BOTTOM, TOTAL
from models.serving.release import LoadedRelease, load_release
from storage.artifacts import Store
from tests.contract.conftest import Client, client_of_release, make_once, train_once
from tests.support.shops import CLOSED_WEEKDAY, DEPARTMENTS, LAST, SHOPS, write_shops
from training.forecast_file import forecast_file
from training.recipe import Recipe

pytestmark = pytest.mark.slow

EXACT = 1e-9
SERIES = {"shop": "A1", "department": "food"}
DAYS = 14
TOMORROW = LAST + timedelta(1)


@pytest.fixture(scope="session")
def shops(shared_folder: Path) -> Path:
    """Tables of the retailer."""
    return make_once(shared_folder / "shops", write_shops)


@pytest.fixture(scope="session")
def store(shared_folder: Path, shops: Path, recipe: Recipe) -> Store:
    """A release trained on them."""
    return train_once(shared_folder / "shops-artifacts", shops, recipe)


@pytest.fixture(scope="session")
def release(store: Store) -> LoadedRelease:
    return load_release(store, store.current())


@pytest.fixture
def client(release: LoadedRelease) -> Client:
    return client_of_release(release)


def leaves(node: dict[str, Any]) -> list[dict[str, Any]]:
    below = node["children"]
    return [leaf for child in below for leaf in leaves(child)] if below else [node]


def assert_adds_up(node: dict[str, Any]) -> None:
    """Fail unless every node is the sum of its children."""
    if node["children"]:
        total = sum(child["prediction"] for child in node["children"])
        assert node["prediction"] == pytest.approx(total, rel=EXACT)
        for child in node["children"]:
            assert_adds_up(child)


def test_meta_lists_the_series_levels_and_covariates(client: Client) -> None:
    meta = client.get("/meta").json()
    assert meta["series"] == {"shop": ["7", "A1", "A2", "B1"], "department": sorted(DEPARTMENTS)}
    assert meta["attributes"] == {"region": ["Nord", "Süd"], "land": ["BY", "NI"]}
    assert [(level["name"], level["nodes"]) for level in meta["hierarchy"]] == [
        ("total", 1),
        ("region", 2),
        ("shop", 4),
        ("department", 3),
        ("region_department", 6),
        ("bottom", 12),
    ]
    assert {level["name"]: level["divided_by"] for level in meta["hierarchy"]} == {
        "total": ["region", "shop", "department", "region_department"],
        "region": ["shop", "region_department"],
        "shop": [],
        "department": ["region_department"],
        "region_department": [],
        "bottom": [],
    }
    assert {each["name"]: (each["kind"], each["known_ahead"]) for each in meta["covariates"]} == {
        "promo": ("flag", True),
        "visitors": ("count", False),
        "price": ("price", True),
        "Spring sale": ("flag", True),
    }
    assert (meta["stores"], meta["families"]) == ([], [])


@pytest.mark.parametrize(
    ("by", "nodes"),
    [
        pytest.param("region", 2, id="an attribute"),
        pytest.param("shop", 4, id="a column"),
        pytest.param("region_department", 6, id="two columns"),
        pytest.param("region/shop", 2, id="a path"),
        pytest.param("department/region_department", 3, id="a path to two columns"),
    ],
)
def test_a_tree_by_any_level_adds_up(client: Client, by: str, nodes: int) -> None:
    answer = client.get("/hierarchy", by=by, horizon=DAYS).json()
    tree = answer["tree"]
    assert (answer["by"], len(tree["children"])) == (by, nodes)
    assert len(leaves(tree)) == len(SHOPS) * len(DEPARTMENTS)
    assert_adds_up(tree)


@pytest.mark.parametrize("horizon", [1, DAYS])
def test_the_nodes_of_a_tree_have_the_intervals_of_their_sums(client: Client, horizon: int) -> None:
    query = {"by": "region/shop", "horizon": horizon, "depth": 2}
    tree = client.get("/hierarchy", **query, intervals="80,95").json()["tree"]
    region = tree["children"][0]
    for node in (tree, region, region["children"][0]):
        body = {"node": node["id"], "horizon": horizon, "period": "horizon"}
        (whole,) = client.post("/forecast", **body).json()["periods"]
        narrow, wide = node["intervals"]
        assert (narrow["level"], wide["level"]) == (80, 95)
        assert wide["lower"] <= narrow["lower"] <= node["prediction"] <= narrow["upper"]
        if horizon > 1:
            assert narrow["lower"] == pytest.approx(whole["lower_80"], rel=EXACT)
            assert wide["upper"] == pytest.approx(whole["upper_95"], rel=EXACT)
    assert client.get("/hierarchy", **query).json()["tree"]["intervals"] == []


@pytest.mark.parametrize(
    ("intervals", "fragment"),
    [
        pytest.param("80,40", "A number of at least 50 is expected", id="too narrow"),
        pytest.param("80;95", "A whole number is expected", id="another separator"),
        pytest.param("", "A whole number is expected", id="nothing"),
    ],
)
def test_intervals_that_are_none_are_refused(client: Client, intervals: str, fragment: str) -> None:
    response = client.get("/hierarchy", intervals=intervals)
    assert fragment in client.problem(response, Code.INVALID_REQUEST)["detail"]


@pytest.mark.parametrize(
    ("query", "code", "fragment"),
    [
        pytest.param({"by": "shp"}, Code.INVALID_REQUEST, "Did you mean 'shop'?", id="unknown"),
        pytest.param(
            {"by": "shop/region"}, Code.INVALID_REQUEST, "region does not divide shop", id="upwards"
        ),
        pytest.param({"by": "shop/shop"}, Code.INVALID_REQUEST, "does not divide", id="twice"),
        pytest.param(
            {"by": "department", "node": "shop:A1"}, Code.INVALID_NODE, "not on the way", id="aside"
        ),
    ],
)
def test_a_way_that_leads_nowhere_is_refused(
    client: Client, query: dict[str, str], code: Code, fragment: str
) -> None:
    refusal = client.problem(client.get("/hierarchy", **query), code)
    assert fragment in refusal["detail"]


@pytest.mark.parametrize(
    ("name", "node", "level"),
    [
        pytest.param({}, "total", TOTAL, id="nothing"),
        pytest.param({"series": SERIES}, "shop:A1/department:food", BOTTOM, id="a series"),
        pytest.param({"series": {"region": "Süd"}}, "region:Süd", "region", id="an attribute"),
        pytest.param(
            {"series": {"department": "toys", "region": "Nord"}},
            "region:Nord/department:toys",
            "region_department",
            id="two columns in any order",
        ),
        pytest.param({"series": {"shop": 7}}, "shop:7", "shop", id="a number"),
        pytest.param({"node": "shop:7"}, "shop:7", "shop", id="an id"),
    ],
)
def test_a_node_of_any_level_is_forecast(
    client: Client, release: LoadedRelease, name: dict[str, Any], node: str, level: str
) -> None:
    answer = client.post("/forecast", **name, horizon=DAYS).json()
    assert (answer["node"], answer["level"], answer["horizon"]) == (node, level, DAYS)
    row = release.engine.snapshot.hierarchy.index[node]
    predictions = [day["prediction"] for day in answer["forecast"]]
    assert predictions == release.forecasts.mean[row, :DAYS].tolist()
    assert all(
        day["lower_95"] <= day["prediction"] <= day["upper_95"] for day in answer["forecast"]
    )


def test_a_closed_day_is_forecast_as_zero_at_every_level(client: Client) -> None:
    for node in ("total", "region:Nord", "shop:A1/department:food"):
        body = {"node": node, "horizon": DAYS, "quantiles": [0.1, 0.995]}
        days = client.post("/forecast", **body).json()["forecast"]
        closed = [
            day for day in days if date.fromisoformat(day["date"]).weekday() == CLOSED_WEEKDAY
        ]
        assert len(closed) == DAYS // 7
        assert {day[name] for day in closed for name in ("prediction", "upper_95")} == {0.0}
        assert {each["value"] for day in closed for each in day["quantiles"]} == {0.0}
        assert all(day["prediction"] > 0 for day in days if day not in closed)


@pytest.mark.parametrize(
    ("body", "code", "pointer", "fragment"),
    [
        pytest.param(
            {"series": {"shop": "A9", "department": "food"}},
            Code.INVALID_NODE,
            "/series/shop",
            "There is no shop 'A9'",
            id="unknown value",
        ),
        pytest.param(
            {"series": {"shp": "A1"}}, Code.INVALID_NODE, "/series", "No level has", id="no level"
        ),
        pytest.param(
            {"node": "shop:A9"}, Code.INVALID_NODE, "/node", "Did you mean", id="unknown id"
        ),
        pytest.param(
            {"store_nbr": 1, "family": "food"},
            Code.INVALID_STORE,
            "/store_nbr",
            "named by shop, department here",
            id="another retailer's names",
        ),
        pytest.param(
            {"node": "total", "series": SERIES},
            Code.INVALID_REQUEST,
            "/node",
            "in one way",
            id="two names",
        ),
    ],
)
def test_a_node_that_is_not_there_is_refused(
    client: Client, body: dict[str, Any], code: Code, pointer: str, fragment: str
) -> None:
    refusal = client.problem(client.post("/forecast", **body, horizon=1), code)
    assert fragment in refusal["detail"]
    assert refusal["errors"][0]["pointer"] == pointer


def test_an_explanation_adds_up_to_the_forecast(client: Client) -> None:
    answer = client.post("/explain", series=SERIES, date=TOMORROW.isoformat()).json()
    steps = answer["base_units"] + sum(group["units"] for group in answer["groups"])
    whole = steps + answer["cut"] + answer["reconciliation"]
    assert whole == pytest.approx(answer["prediction"], abs=1e-3)
    features = {feature["name"] for feature in answer["features"]}
    assert {"price_change", "promo_region", "visitors_28", "region_event_effect"} <= features


def test_a_whatif_of_a_price_moves_parents_and_children_alike(client: Client) -> None:
    answer = client.post(
        "/whatif",
        series={"department": "toys"},
        horizon=DAYS,
        adjustments={"price": {"op": "multiply", "value": 0.5}, "promo": 1},
    ).json()
    assert answer["delta"] != 0
    children = sum(child["delta"] for child in answer["children"])
    assert children == pytest.approx(answer["delta"], rel=EXACT)
    assert [each["id"] for each in answer["ancestors"]] == ["total"]
    assert [each["covariate"] for each in answer["applied"]] == ["price", "promo"]


@pytest.mark.parametrize(
    ("covariate", "fragment"),
    [
        pytest.param("visitors", "Of visitors only the past is known", id="history only"),
        pytest.param("oil", "no covariate 'oil'", id="unknown"),
    ],
)
def test_a_whatif_of_what_is_not_known_ahead_is_refused(
    client: Client, covariate: str, fragment: str
) -> None:
    response = client.post("/whatif", horizon=DAYS, adjustments={covariate: 1})
    refusal = client.problem(response, Code.INVALID_ADJUSTMENT)
    assert fragment in refusal["detail"]
    assert "promo, price, Spring sale and holiday can be adjusted" in refusal["detail"]


def test_exceptions_name_nodes_of_levels_of_any_name(client: Client) -> None:
    levels = client.get("/meta").json()["levels"]
    for level in levels:
        answer = client.get("/exceptions", level=level, limit=500).json()
        assert {entry["level"] for entry in answer["exceptions"]} <= {level}
        assert sum(answer["counts"].values()) == len(answer["exceptions"])


def test_past_days_have_their_covariates(client: Client) -> None:
    answer = client.post("/historical", series={"shop": "A1"}, limit=3).json()
    assert answer["node"] == "shop:A1"
    for day in answer["days"]:
        assert day["onpromotion"] is None
        assert day["covariates"].keys() == {"promo", "price", "Spring sale"}
        assert 3 < day["covariates"]["price"] < 6, "the mean of the series, not their sum"


def test_a_batch_takes_series_and_nodes_of_any_level(client: Client) -> None:
    items = [{"series": SERIES}, {"node": "region:Nord"}, {"node": "nowhere"}]
    answer = client.post(
        "/predict/batch", predictions=[{**item, "horizon": 3} for item in items]
    ).json()
    first, second, third = answer["predictions"]
    assert (first["series"], second["node"]) == (SERIES, "region:Nord")
    assert (
        first["forecast"] == client.post("/forecast", series=SERIES, horizon=3).json()["forecast"]
    )
    assert third["code"] == Code.INVALID_NODE.name


def test_a_table_of_series_has_their_columns(client: Client) -> None:
    body = "Shop,department,horizon\nA1,garden tools,2\nA1,gardn tools,2\n"
    answer = client.request(
        "POST", "/predict/batch", content=body, headers={"Content-Type": "text/csv"}
    )
    first, second, refused = csv.DictReader(io.StringIO(answer.text))
    assert (first["shop"], first["department"]) == ("A1", "garden tools")
    assert date.fromisoformat(second["date"]) == TOMORROW + timedelta(1)
    assert (refused["department"], refused["code"]) == ("gardn tools", "INVALID_NODE")
    assert "garden tools" in refused["detail"]


def test_tables_have_the_columns_of_every_level(client: Client) -> None:
    """The columns are the same for every node, so that tables can be put one below the other."""
    nodes = {
        "total": ("total", None, None, None),
        "region:Nord": ("region", None, None, "Nord"),
        "shop:A1": ("shop", "A1", None, None),
    }
    for node, expected in nodes.items():
        answer = client.request(
            "POST",
            "/forecast",
            json={"node": node, "horizon": 2},
            headers={"Accept": "application/vnd.apache.parquet"},
        )
        row, _ = pl.read_parquet(io.BytesIO(answer.content)).to_dicts()
        assert (row["level"], row["shop"], row["department"], row["region"]) == expected


def test_a_row_is_filled_for_a_series(client: Client) -> None:
    answer = client.post("/predict", features={"promo": 0.7}, series=SERIES).json()
    assert answer["prediction"] >= 0
    assert "price" in answer["filled"]
    response = client.post("/predict", features={}, series={"shop": "A1"})
    assert client.problem(response, Code.INVALID_NODE)["errors"][0]["pointer"] == "/series"


def test_the_file_of_forecasts_has_the_retailers_columns_and_adds_up(
    shops: Path, store: Store, tmp_path: Path
) -> None:
    out = tmp_path / "forecast.csv"
    own = Store(Path(shutil.copytree(store.root, tmp_path / "artifacts")))
    forecast_file(shops, own, out, levels=True)
    table = pl.read_csv(out)
    assert table.columns[:4] == ["Tag", "shop", "department", "Menge"]
    by_day = table.group_by("Tag").agg(
        total=pl.col("Menge").filter(pl.col("node") == TOTAL).first(),
        parts=pl.col("Menge")
        .filter(pl.col("shop").is_not_null(), pl.col("department").is_not_null())
        .sum(),
    )
    assert (by_day["total"] - by_day["parts"]).abs().max() < 1e-6
    assert len(by_day) == 28


def test_health_and_accuracy_report_the_quality(client: Client, release: LoadedRelease) -> None:
    quality = release.engine.bundle.metrics["quality"]
    assert client.get("/health").json()["quality"] == quality["warnings"]
    levels = client.get("/accuracy").json()["groups"][0]["levels"]
    total = levels[0]
    assert total["baselines"].keys() == {"seasonal_naive", "weekday_mean"}
    assert total["coverage"].keys() == {"80%", "95%"}


@pytest.mark.parametrize(
    ("period", "days"),
    [
        pytest.param("day", [], id="day"),
        pytest.param("week", [5, 7, 7, 7, 2], id="week"),
        pytest.param("month", [5, 23], id="month"),
        pytest.param("horizon", [28], id="horizon"),
    ],
)
def test_sums_of_days_have_intervals_of_their_own(
    client: Client, period: str, days: list[int]
) -> None:
    answer = client.post("/forecast", node="region:Nord", horizon=28, period=period).json()
    periods = answer["periods"]
    assert [each["days"] for each in periods] == days
    daily = {day["date"]: day for day in answer["forecast"]}
    for each in periods:
        inside = [day for name, day in daily.items() if each["first"] <= name <= each["last"]]
        assert each["prediction"] == pytest.approx(sum(day["prediction"] for day in inside))
        assert each["lower_95"] <= each["lower_80"] <= each["prediction"] <= each["upper_80"]
        if len(inside) > 5:  # errors of days partly cancel
            width = sum(day["upper_80"] - day["lower_80"] for day in inside)
            assert 0 < each["upper_80"] - each["lower_80"] < width


def test_the_coverage_of_sums_is_recorded_for_every_level(release: LoadedRelease) -> None:
    sums = release.engine.bundle.metrics["quality"]["sums"]
    assert sums.keys() == release.engine.snapshot.hierarchy.slices.keys()
    for of_level in sums.values():
        assert of_level.keys() == {"7", "28", "90"}
        assert all(0 <= figures["coverage_80"] <= 1 for figures in of_level.values())
