"""Days of forecasts: the text template and the objects give equal JSON."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import orjson
import pytest

from api.forecasts.days import DayForecasts


@pytest.mark.parametrize("nominals", [(), (80,), (80, 95), (99, 50, 75)], ids=str)
@pytest.mark.parametrize("count", [1, 15], ids=["a day", "15 days"])
@pytest.mark.parametrize("nodes", [1, 7])
def test_text_template_equals_serialized_objects(
    draw: np.random.Generator, nominals: tuple[int, ...], count: int, nodes: int
) -> None:
    actual = draw.gamma(1, 10, (nodes, count))
    actual[:, count // 2 :] = np.nan
    values = draw.gamma(1, 10, (nodes, count, 1 + 2 * len(nominals)))
    values[0, 0] = [0, 1e-7, 1e22, 5, 0.1, 1 / 3, 12][: values.shape[2]]
    days = DayForecasts(
        dates=[date(2024, 7, 1) + timedelta(number) for number in range(count)],
        nominals=nominals,
        values=values,
        actual=actual,
    )
    assert orjson.dumps(days._fill_templates()) == orjson.dumps(days._build_objects())


def test_first_day_equals_the_first_of_the_list_without_its_sales(
    draw: np.random.Generator,
) -> None:
    days = DayForecasts([date(2024, 7, 1)], (80,), draw.random((2, 1, 3)), np.zeros((2, 1)))
    expected = orjson.loads(orjson.dumps(days.as_json()))[1][0]
    del expected["actual"]
    assert orjson.loads(orjson.dumps(days.first_days()[1])) == expected
