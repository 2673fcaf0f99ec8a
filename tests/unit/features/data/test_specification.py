"""The specification: what is derived from it, its equality, and its JSON."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
import pytest
from pydantic import ValidationError

from features.data.specification import (
    BOTTOM,
    FAVORITA,
    TOTAL,
    Attribute,
    Covariate,
    Holidays,
    Kind,
    Levels,
    Specification,
    levels_of,
)

SHOP_ITEM: Levels = {TOTAL: (), BOTTOM: ("shop", "item")}
LABELS = {"shop": "place", "size_class": "size"}


def specify(
    series: tuple[str, ...] = ("shop", "item"), levels: Levels = SHOP_ITEM
) -> Specification:
    """Return a specification whose attributes and covariates are not in alphabetical order."""
    return Specification(
        series=series,
        attributes=(
            Attribute(name="zone", by=(series[0],), table="places"),
            Attribute(name="size_class", by=(series[0],), table="places"),
            Attribute(name="brand", by=(series[-1],), table="places"),
        ),
        levels=levels_of(levels),
        labels=LABELS,
        covariates=(
            covariate("price", Kind.PRICE),
            covariate("visits", Kind.COUNT, known_ahead=False),
            covariate("flyer", Kind.FLAG),
        ),
        holidays=Holidays(local="zone"),
    )


def covariate(name: str, kind: Kind, *, known_ahead: bool = True) -> Covariate:
    return Covariate(
        name=name, label=name[:2], kind=kind, known_ahead=known_ahead, by=("shop",), table="sales"
    )


@dataclass(frozen=True)
class Derived:
    """Properties that follow from the series and the levels."""

    series: tuple[str, ...]
    levels: Levels
    site: str
    pooled: tuple[str, ...]
    between: tuple[str, ...]
    crossed: tuple[str, ...]


DERIVED = {
    "store and family": Derived(
        series=("store_nbr", "family"),
        levels=FAVORITA.columns_of_level,
        site="store_nbr",
        pooled=("family",),
        between=("store", "family"),
        crossed=("store", "family"),
    ),
    "no level between": Derived(
        series=("shop", "item"),
        levels=SHOP_ITEM,
        site="shop",
        pooled=("item",),
        between=(),
        crossed=(),
    ),
    "an attribute's level": Derived(
        series=("shop", "item"),
        levels={TOTAL: (), "zone": ("zone",), BOTTOM: ("shop", "item")},
        site="shop",
        pooled=("item",),
        between=("zone",),
        crossed=(),
    ),
    "levels of one and two columns": Derived(
        series=("shop", "item", "size"),
        levels={
            TOTAL: (),
            "item": ("item",),
            "zone": ("zone",),
            "shop and item": ("shop", "item"),
            BOTTOM: ("shop", "item", "size"),
        },
        site="shop",
        pooled=("item", "size"),
        between=("item", "zone", "shop and item"),
        crossed=("item",),
    ),
    "one column": Derived(
        series=("shop",),
        levels={TOTAL: (), BOTTOM: ("shop",)},
        site="shop",
        pooled=(),
        between=(),
        crossed=(),
    ),
}


@pytest.mark.parametrize("expected", DERIVED.values(), ids=DERIVED)
def test_parts_follow_from_the_series_and_the_levels(expected: Derived) -> None:
    specification = specify(expected.series, expected.levels)
    assert specification.columns_of_level == expected.levels
    assert list(specification.columns_of_level) == list(expected.levels)
    assert (specification.site, specification.pooled) == (expected.site, expected.pooled)
    assert specification.between == expected.between
    assert specification.crossed == expected.crossed
    assert specification.described == (*expected.series, "zone", "size_class", "brand")


def test_covariates_are_divided_by_whether_they_are_known_ahead() -> None:
    specification = specify()
    assert [each.name for each in specification.known_ahead] == ["price", "flyer"]
    assert [each.name for each in specification.past_only] == ["visits"]
    assert specification.covariate("flyer") is specification.covariates[2]
    with pytest.raises(KeyError, match="rain"):
        specification.covariate("rain")


@pytest.mark.parametrize(
    ("kind", "adds_up"),
    [(Kind.COUNT, True), (Kind.FLAG, True), (Kind.NUMBER, False), (Kind.PRICE, False)],
)
def test_only_things_that_are_counted_add_up(kind: Kind, adds_up: bool) -> None:
    assert kind.adds_up is adds_up


@pytest.mark.parametrize(
    ("columns", "label"),
    [
        pytest.param(("item",), "item", id="a column's own name"),
        pytest.param(("size_class",), "size", id="another name"),
        pytest.param(("shop", "item"), "place_item", id="several columns"),
        pytest.param((), TOTAL, id="no column"),
    ],
)
def test_a_label_names_columns(columns: tuple[str, ...], label: str) -> None:
    assert specify().label(*columns) == label


@pytest.mark.parametrize(
    ("level", "key", "node_id"),
    [
        (TOTAL, (), "total"),
        ("zone", ("North",), "zone:North"),
        (BOTTOM, ("7", "Tea, green"), "place:7/item:Tea, green"),
    ],
)
def test_a_node_id_states_the_labels_and_values(
    level: str, key: tuple[str, ...], node_id: str
) -> None:
    specification = specify(levels={TOTAL: (), "zone": ("zone",), BOTTOM: ("shop", "item")})
    assert specification.node_id(level, key) == node_id


def test_a_node_id_takes_a_value_for_each_column() -> None:
    with pytest.raises(ValueError, match="zip"):
        specify().node_id(BOTTOM, ("7",))


def test_differences_are_the_names_of_fields() -> None:
    specification = specify()
    assert specification.differences(specify()) == ()
    other = specification.model_copy(
        update={"labels": {}, "covariates": specification.covariates[::-1]}
    )
    assert (
        other.differences(specification)
        == specification.differences(other)
        == ("labels", "covariates")
    )
    assert specification.differences(
        specification.with_levels({**SHOP_ITEM, "zone": ("zone",)})
    ) == ("levels",)


def test_equal_specifications_have_equal_hashes() -> None:
    specification = specify()
    assert hash(specification) == hash(specify())
    relabelled = specification.model_dump() | {"labels": dict(reversed(LABELS.items()))}
    assert Specification.model_validate(relabelled) == specification
    assert hash(Specification.model_validate(relabelled)) == hash(specification)


@pytest.mark.parametrize(
    "field",
    ["series", "attributes", "levels", "labels", "covariates", "holidays", "missing", "expect"],
)
def test_each_part_distinguishes_specifications(field: str) -> None:
    specification = specify()
    others = {**FAVORITA.model_dump(), "missing": "closed"}
    other = specification.model_dump() | {field: others[field]}
    changed = Specification.model_validate(other)
    assert changed != specification
    assert hash(changed) != hash(specification)
    assert changed.differences(specification) == (field,)


def test_other_levels_replace_those_already_read() -> None:
    """A derived value is cached; a copy must not inherit that of its source."""
    specification = specify()
    before = (specification.columns_of_level, hash(specification))
    levels: Levels = {TOTAL: (), "brand": ("brand",), BOTTOM: ("shop", "item")}
    other = specification.with_levels(levels)
    assert other.columns_of_level == levels
    assert other.between == ("brand",)
    assert hash(other) != hash(specification)
    assert (specification.columns_of_level, hash(specification)) == before


@pytest.mark.parametrize(
    "specification",
    [
        FAVORITA,
        specify(),
        FAVORITA.with_levels(
            {TOTAL: (), "z": ("type",), "a": ("city",), BOTTOM: ("store_nbr", "family")}
        ),
    ],
    ids=["favorita", "own", "unsorted levels"],
)
def test_json_keeps_everything_in_order(specification: Specification) -> None:
    read = Specification.model_validate_json(specification.model_dump_json())
    assert read == specification
    assert hash(read) == hash(specification)
    assert list(read.columns_of_level) == list(specification.columns_of_level)
    assert [each.name for each in read.attributes] == [
        each.name for each in specification.attributes
    ]
    assert [each.name for each in read.covariates] == [
        each.name for each in specification.covariates
    ]


def test_a_manifest_that_sorts_keys_keeps_everything() -> None:
    stored = orjson.dumps(specify().model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    read = Specification.model_validate_json(stored)
    assert read == specify()
    assert hash(read) == hash(specify())


def test_a_field_of_another_release_is_refused() -> None:
    with pytest.raises(ValidationError, match="currency"):
        Specification.model_validate({**specify().model_dump(), "currency": "EUR"})
