"""Answers as tables: the same numbers, in columns with types."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from api.docs.examples import examples
from mlrf_client._parsing import parse
from mlrf_client.answers import Explanation, Forecast, Hierarchy, History, Scenario, Tabular
from tests.unit.clients.documents import forecast_document, history_document

DOCUMENTED = {
    "/forecast": Forecast,
    "/hierarchy": Hierarchy,
    "/explain": Explanation,
    "/whatif": Scenario,
    "/historical": History,
}


@pytest.mark.parametrize(("path", "kind"), DOCUMENTED.items())
def test_a_table_is_the_same_in_both_libraries(path: str, kind: type[Tabular]) -> None:
    pytest.importorskip("pandas")
    example = next(each for each in examples() if each.path == path)
    answer = parse(kind, example.answer)
    polars, pandas = answer.to_polars(), answer.to_pandas()
    assert list(pandas.columns) == polars.columns
    assert pl.from_pandas(pandas, schema_overrides=polars.schema).equals(polars)


def test_days_of_a_forecast_have_bounds_as_columns() -> None:
    frame = parse(Forecast, forecast_document("shop:A1")).to_polars()
    assert frame.columns == ["node", "date", "prediction", "lower_80", "upper_80", "actual"]
    assert frame.row(1) == ("shop:A1", dt.date(2024, 7, 2), 2.0, 1.0, 3.0, None)
    assert frame.schema["actual"] == pl.Float64, "no value at all has a type too"


def test_quantiles_of_days_and_of_sums_are_columns() -> None:
    forecast = parse(Forecast, forecast_document("shop:A1", quantiles=[0.25, 0.5]))
    for table in (forecast.table, forecast.sums):
        frame = table.to_polars()
        assert frame.columns[-4:] == ["upper_80", "quantile_0.25", "quantile_0.5", "actual"]
        assert frame.row(0)[-3:] == (1.0, 2.0, None)


def test_sums_of_a_forecast_have_their_days() -> None:
    frame = parse(Forecast, forecast_document("shop:A1")).sums.to_polars()
    assert frame.row(0)[:5] == ("shop:A1", dt.date(2024, 7, 1), dt.date(2024, 7, 2), 2, 2.0)


def test_steps_of_an_explanation_add_up_to_the_prediction() -> None:
    example = next(each for each in examples() if each.path == "/explain")
    explanation = parse(Explanation, example.answer)
    grouped = sum(group.units for group in explanation.groups)
    expected = explanation.base_units + grouped + explanation.cut + explanation.reconciliation
    expected += explanation.not_explained.units + explanation.missing
    assert explanation.to_polars()["units"].sum() == pytest.approx(expected)


def test_nodes_of_a_tree_name_their_parent() -> None:
    example = next(each for each in examples() if each.path == "/hierarchy")
    frame = parse(Hierarchy, example.answer).to_polars()
    assert frame["parent"].to_list() == [None, "total"]


def test_covariates_of_the_past_are_columns() -> None:
    history = parse(History, history_document("2024-06-29", "2024-06-30", then=None))
    assert history.to_polars().columns == ["node", "date", "units", "price"]
