"""An outlier that goes on is one outlier."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from features.data.screening.outlier import (
    OUTLIERS,
    Outlier,
    OutlierKind,
    OutlierSeverity,
    continue_outliers,
)

FIRST = date(2024, 6, 3)
OUTLIER = Outlier(
    kind=OutlierKind.DECIMAL_SHIFT,
    severity=OutlierSeverity.CRITICAL,
    node="store:1",
    column="sales",
    first=FIRST,
    last=FIRST + timedelta(1),
    value=2000.0,
    expected=200.0,
    message="store:1 sold 2,000",
)


def later(first: int, last: int, **fields: object) -> Outlier:
    spans = {"first": FIRST + timedelta(first), "last": FIRST + timedelta(last)}
    return replace(OUTLIER, **spans | {"value": 1000.0, "expected": 100.0} | fields)  # type: ignore[arg-type]


def test_one_that_follows_on_the_next_day_continues_it() -> None:
    (joined,) = continue_outliers([OUTLIER], [later(2, 2)], step_days=1)
    assert (joined.first, joined.last) == (FIRST, FIRST + timedelta(2))
    assert joined.expected == 300
    assert joined.message.endswith(f"It began on {FIRST}")


def test_of_one_that_overlaps_only_the_new_days_are_expected_in_addition() -> None:
    (joined,) = continue_outliers([OUTLIER], [later(1, 2)], step_days=1)
    assert joined.expected == 250


def test_one_that_covers_the_earlier_one_takes_its_place() -> None:
    whole = later(0, 5)
    assert continue_outliers([OUTLIER], [whole], step_days=1) == [whole]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(later(3, 3), id="a day between them"),
        pytest.param(later(2, 2, node="store:2"), id="another node"),
        pytest.param(later(2, 2, kind=OutlierKind.LEVEL_SHIFT), id="another kind"),
        pytest.param(later(2, 2, value=10.0), id="the other direction"),
        pytest.param(later(2, 2, column="onpromotion"), id="another column"),
    ],
)
def test_others_stay_apart(other: Outlier) -> None:
    assert continue_outliers([OUTLIER], [other], step_days=1) == [OUTLIER, other]


def test_weeks_follow_each_other_after_seven_days() -> None:
    assert len(continue_outliers([OUTLIER], [later(8, 8)], step_days=7)) == 1


def test_outliers_survive_json() -> None:
    text = OUTLIERS.dump_json([OUTLIER])
    assert OUTLIERS.validate_json(text) == [OUTLIER]
