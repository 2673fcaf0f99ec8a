"""The items: what their table is understood as."""

from __future__ import annotations

from tests.support.examples import Read


def test_the_specification_is_what_the_page_says(read_example: Read) -> None:
    specification = read_example("items").specification
    assert list(specification.columns_of_level) == ["total", "store", "item", "bottom"]
    assert specification.covariates == ()
    assert specification.attributes == ()


def test_the_table_has_numbers_as_names(read_example: Read) -> None:
    train = read_example("items").train
    assert train.columns == ["date", "store", "item", "sales"]
    assert set(train["store"]) == {"1", "2", "3", "4", "5"}
    assert train["date"].n_unique() == 1400
