"""The value of overrides: errors before and after each, added up by group, with an interval."""

from __future__ import annotations

from operator import attrgetter

import pytest

from models.override_value import (
    LEAST_OVERRIDES,
    OverrideKind,
    SoldDay,
    SoldOverride,
    kind_of,
    value_of,
    values_by,
)


def override(*days: tuple[float, float, float], author: str = "ann") -> SoldOverride:
    """Return an override by its days: before, planned and sold."""
    return SoldOverride(author, "bottom", "up-large", "event", tuple(SoldDay(*d) for d in days))


@pytest.mark.parametrize(
    ("day", "value"),
    [
        pytest.param((100, 120, 130), 20, id="nearer from the same side"),
        pytest.param((100, 120, 105), -10, id="beyond what was sold"),
        pytest.param((100, 120, 110), 0, id="as far on the other side"),
        pytest.param((100, 80, 90), 0, id="as far below"),
        pytest.param((100, 100, 90), 0, id="no change"),
        pytest.param((0, 10, 0), -10, id="nothing sold"),
    ],
)
def test_the_value_of_a_day_is_what_the_error_became_smaller(
    day: tuple[float, float, float], value: float
) -> None:
    assert SoldDay(*day).value == value


def test_the_values_of_overrides_on_one_another_add_up_to_that_of_all() -> None:
    """The second one is compared with what the first one made of the forecast."""
    first, second = override((100, 150, 130)), override((150, 120, 130))
    assert (first.value, second.value) == (10, 10)
    assert value_of([first, second]).value == SoldDay(100, 120, 130).value == 20


def test_values_are_summed_over_days_and_overrides() -> None:
    value = value_of([override((100, 120, 130), (50, 60, 50)), override((10, 5, 10))])
    assert (value.overrides, value.days, value.sold) == (2, 3, 190)
    assert (value.error_before, value.error_planned) == (30, 25)
    assert value.value == 5
    assert value.share == pytest.approx(5 / 190)
    assert value.helped == 0.5
    assert value.interval is None


def test_there_is_no_share_of_no_sales() -> None:
    assert value_of([override((0, 5, 0))]).share is None


def test_an_interval_is_that_of_student_over_overrides() -> None:
    """Values 1 to 5: their sum is 15, its standard error the root of 5 × 2.5, t(4) is 2.776."""
    values = value_of([override((0, number, 10)) for number in range(1, 6)])
    assert values.value == 15
    assert values.interval is not None
    half = 2.7764451 * 12.5**0.5
    assert values.interval == pytest.approx((15 - half, 15 + half), rel=1e-6)


def test_many_days_of_a_few_overrides_have_no_interval() -> None:
    days = [(100.0, 120.0, 130.0)] * 90
    few = [override(*days) for _ in range(LEAST_OVERRIDES - 1)]
    assert value_of(few).interval is None
    assert value_of([*few, override(*days)]).interval is not None


def test_groups_are_in_the_order_of_their_value() -> None:
    overrides = [
        override((100, 120, 105), author="ben"),
        override((100, 120, 130), author="ann"),
        override((100, 130, 130), author="ann"),
    ]
    values = values_by(overrides, attrgetter("author"))
    assert [(name, each.value) for name, each in values.items()] == [("ann", 50), ("ben", -10)]


@pytest.mark.parametrize(
    ("before", "planned", "kind"),
    [
        pytest.param(100, 110, OverrideKind.UP_LARGE, id="a tenth up"),
        pytest.param(100, 109, OverrideKind.UP_SMALL, id="less than a tenth up"),
        pytest.param(100, 91, OverrideKind.DOWN_SMALL, id="less than a tenth down"),
        pytest.param(100, 90, OverrideKind.DOWN_LARGE, id="a tenth down"),
        pytest.param(0, 1, OverrideKind.UP_LARGE, id="from nothing"),
        pytest.param(100, 100, OverrideKind.UNCHANGED, id="unchanged"),
    ],
)
def test_a_kind_is_the_direction_and_the_size(
    before: float, planned: float, kind: OverrideKind
) -> None:
    assert kind_of(before, planned) is kind
