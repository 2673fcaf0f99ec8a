"""The departments: what their tables are understood as."""

from __future__ import annotations

from examples.departments.tables import EVENTS
from tests.support.examples import Read, kinds_of


def test_the_specification_is_what_the_page_says(read_example: Read) -> None:
    specification = read_example("departments").specification
    assert specification.columns_of_level == {
        "total": (),
        "state": ("state_id",),
        "store": ("store_id",),
        "category": ("cat_id",),
        "department": ("dept_id",),
        "state_category": ("state_id", "cat_id"),
        "store_department": ("store_id", "dept_id"),
        "bottom": ("store_id", "item_id"),
    }
    events = {f"event_name={name}": ("flag", True, ()) for name in EVENTS}
    assert kinds_of(specification) == {
        **events,
        "sell_price": ("price", True, ("store_id", "item_id")),
        "snap": ("flag", True, ("state_id",)),
    }


def test_days_without_sales_have_rows(read_example: Read) -> None:
    train = read_example("departments").train
    assert 0.2 < (train["sales"] == 0).mean() < 0.9  # type: ignore[operator]


def test_prices_begin_with_the_sales_and_reach_beyond_them(read_example: Read) -> None:
    tables = read_example("departments")
    prices = tables.table("prices")
    assert prices["sell_price"].min() > 0  # type: ignore[operator]
    assert (
        prices.height == tables.train.height + 42 * prices.select("store_id", "item_id").n_unique()
    )
