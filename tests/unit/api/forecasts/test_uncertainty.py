"""Names of bounds and quantiles, and the lists of an answer."""

from __future__ import annotations

import pytest

from api.forecasts.day_table import key_columns
from api.forecasts.uncertainty import lists_builder, number_names, uncertainty_of
from api.schemas.requests import HierarchyQuery, SimpleRequest
from models.uncertainty import Uncertainty

WANTED = Uncertainty((80, 50), (0.1, 0.975))


def test_numbers_are_named_in_their_order() -> None:
    names = ("lower_80", "upper_80", "lower_50", "upper_50", "quantile_0.1", "quantile_0.975")
    assert number_names(WANTED) == names


def test_lists_have_the_numbers_in_their_order() -> None:
    assert lists_builder(WANTED)([1, 6, 2, 5, 3, 4]) == {
        "intervals": [
            {"level": 80, "lower": 1, "upper": 6},
            {"level": 50, "lower": 2, "upper": 5},
        ],
        "quantiles": [{"probability": 0.1, "value": 3}, {"probability": 0.975, "value": 4}],
    }


def test_there_is_no_list_of_quantiles_where_none_is_wanted() -> None:
    assert lists_builder(Uncertainty())([]) == {"intervals": []}


@pytest.mark.parametrize("name", ["lower_80", "quantile_0.1", "quantile_price"])
def test_a_column_of_a_retailer_never_has_the_name_of_a_number(name: str) -> None:
    assert [column.name for column in key_columns(["shop", name])] == ["shop", f"series.{name}"]


def test_a_request_wants_its_quantiles_once_and_in_order() -> None:
    request = SimpleRequest(
        store_nbr=1, family="DAIRY", horizon=1, intervals=(80, 80), quantiles=(0.9, 0.1, 0.9)
    )
    assert uncertainty_of(request) == Uncertainty((80,), (0.1, 0.9))


@pytest.mark.parametrize(
    ("text", "probabilities"),
    [
        pytest.param("0.5", (0.5,), id="one"),
        pytest.param("0.9,0.1,0.90", (0.1, 0.9), id="several"),
        pytest.param("0.005,0.995", (0.005, 0.995), id="the ends"),
    ],
)
def test_a_query_has_quantiles_separated_by_commas(
    text: str, probabilities: tuple[float, ...]
) -> None:
    query = HierarchyQuery.model_validate({"quantiles": text})
    assert uncertainty_of(query) == Uncertainty((), probabilities)
