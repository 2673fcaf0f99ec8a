"""The reference of ``retailer.yaml`` and its schema are those of the model that reads it."""

from __future__ import annotations

from enum import Enum
from typing import Any

import jsonschema_rs
import orjson
import pytest
import yaml
from pydantic import BaseModel

from config.paths import ROOT
from features.data.reference import PAGE, SCHEMA, keys_section, schema_text, with_keys
from features.data.specification import Expect, Missing, Returns
from features.data.stated import Stated, StatedCalendar, StatedCovariate
from tests.support.shops import RETAILER

SECTION = keys_section()


def is_valid(document: dict[str, Any]) -> bool:
    schema = orjson.loads(SCHEMA.read_bytes())
    return jsonschema_rs.Draft7Validator(schema).is_valid(document)


def test_the_page_has_the_generated_section() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_keys(page) == page, "`make docs` writes it anew"


def test_the_schema_is_the_generated_one() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), "`make docs` writes it anew"


def test_a_page_without_the_section_is_refused() -> None:
    with pytest.raises(ValueError, match="substring"):
        with_keys("# The retailer file\n")


@pytest.mark.parametrize(
    ("model", "prefix"),
    [
        pytest.param(Stated, "", id="file"),
        pytest.param(StatedCalendar, "calendar.", id="calendar"),
        pytest.param(StatedCovariate, "covariates.<column>.", id="covariate"),
    ],
)
def test_every_key_is_a_row_with_its_meaning(model: type[BaseModel], prefix: str) -> None:
    for name, field in model.model_fields.items():
        if name not in ("calendar", "covariates"):  # which have rows for their own keys
            assert field.description
            meaning = " ".join(field.description.split())
            assert f"| `{prefix}{name}` | " in SECTION
            assert f" | {meaning} |\n" in SECTION


@pytest.mark.parametrize("values", [Missing, Returns, Expect])
def test_every_value_of_a_choice_has_its_meaning(values: type[Enum]) -> None:
    for each in values:
        assert f"\n| `{each.value}` | " in SECTION


@pytest.mark.parametrize(
    "row",
    [
        pytest.param("| `series` | a name, or a list of names | must be stated |", id="required"),
        pytest.param("| `levels` | list of names and of lists |  |", id="lists"),
        pytest.param("| `missing` | `zero`, `unknown`, `closed` | `zero` |", id="choice"),
        pytest.param("| `fallback` | `true` or `false` | `true` |", id="truth"),
        pytest.param("| `calendar.country` | text |  |", id="optional text"),
        pytest.param("| `labels` | texts by name |  |", id="mapping"),
    ],
)
def test_a_row_states_values_and_the_default(row: str) -> None:
    assert f"\n{row}" in SECTION


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(yaml.safe_load(RETAILER), id="all kinds of keys"),
        pytest.param({"series": "store"}, id="one column as a text"),
        pytest.param({"series": ["a"], "levels": ["b", ["a", "b"]]}, id="levels"),
    ],
)
def test_the_schema_accepts_what_is_read(document: dict[str, Any]) -> None:
    Stated.model_validate(document)
    assert is_valid(document)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({}, id="no series"),
        pytest.param({"series": []}, id="no column"),
        pytest.param({"series": "a", "serie": "b"}, id="unknown key"),
        pytest.param({"series": "a", "missing": "none"}, id="unknown value"),
        pytest.param({"series": "a", "calendar": {"country": "usa"}}, id="country"),
        pytest.param({"series": "a", "covariates": {"x": {"kinds": "flag"}}}, id="part"),
        pytest.param({"series": "a", "columns": {"sales": "b"}}, id="column"),
    ],
)
def test_the_schema_refuses_what_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Stated.model_validate(document)
    assert not is_valid(document)


def test_the_example_of_the_page_is_valid() -> None:
    page = PAGE.read_text(encoding="utf-8")
    example = page.partition("```yaml\n")[2].partition("```")[0]
    assert is_valid(yaml.safe_load(example))


def test_the_page_names_the_schema_where_it_is() -> None:
    assert str(SCHEMA.relative_to(ROOT)) in PAGE.read_text(encoding="utf-8")
