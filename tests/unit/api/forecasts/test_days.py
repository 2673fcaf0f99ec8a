"""Days of forecasts: the text template and the objects give equal JSON."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import orjson
import pytest

from api.forecasts.days import DayForecasts
from models.uncertainty import Uncertainty


@pytest.mark.parametrize("adjusted", [False, True], ids=["plain", "adjusted"])
@pytest.mark.parametrize("nominals", [(), (80,), (80, 95), (99, 50, 75)], ids=str)
@pytest.mark.parametrize("probabilities", [(), (0.5,), (0.025, 0.9)], ids=str)
@pytest.mark.parametrize("count", [1, 15], ids=["a day", "15 days"])
@pytest.mark.parametrize("nodes", [1, 7])
def test_text_template_equals_serialized_objects(
    draw: np.random.Generator,
    adjusted: bool,
    nominals: tuple[int, ...],
    probabilities: tuple[float, ...],
    count: int,
    nodes: int,
) -> None:
    wanted = Uncertainty(nominals, probabilities)
    actual = draw.gamma(1, 10, (nodes, count))
    actual[:, count // 2 :] = np.nan
    values = draw.gamma(1, 10, (nodes, count, 1 + adjusted + wanted.count))
    values[0, 0] = [0, 1e-7, 1e22, 5, 0.1, 1 / 3, 12, 0, 1e-9, 7][: values.shape[2]]
    days = DayForecasts(
        dates=[date(2024, 7, 1) + timedelta(number) for number in range(count)],
        wanted=wanted,
        values=values,
        actual=actual,
        adjusted=adjusted,
    )
    assert orjson.dumps(days._fill_templates()) == orjson.dumps(days._build_objects())


def test_first_day_equals_the_first_of_the_list_without_its_sales(
    draw: np.random.Generator,
) -> None:
    wanted = Uncertainty((80,), (0.9,))
    days = DayForecasts([date(2024, 7, 1)], wanted, draw.random((2, 1, 4)), np.zeros((2, 1)))
    expected = orjson.loads(orjson.dumps(days.as_json()))[1][0]
    del expected["actual"]
    assert orjson.loads(orjson.dumps(days.first_days()[1])) == expected
