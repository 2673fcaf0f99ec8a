"""The model card contains the backtest's figures and no others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.paths import ROOT
from training.evaluation.backtest_result import PREVIOUS, Document, read_backtest
from training.evaluation.reports import model_card as module
from training.evaluation.reports.model_card import model_card
from training.evaluation.reports.report_tables import NOTHING, number, percent

pytestmark = pytest.mark.slow

METRICS = ROOT / "load" / "results" / "favorita.json"
CARD = ROOT / "docs" / "reference" / "MODEL_CARD.md"


@pytest.mark.skipif(not METRICS.exists(), reason="the backtest of the real data is not there yet")
def test_the_committed_card_matches_the_committed_figures() -> None:
    """If not: `mlrf card load/results/favorita.json --out docs/reference/MODEL_CARD.md`."""
    assert CARD.read_text(encoding="utf-8") == model_card(read_backtest(METRICS))


def test_the_card_has_every_section(document: Document) -> None:
    card = model_card(document)
    headings = [line.removeprefix("## ") for line in card.splitlines() if line.startswith("## ")]
    assert headings == [
        *("The model", "Data", "Training recipe", "Intended use"),
        *("Figures", "Limitations", "Reproduce"),
    ]
    assert "Not intended:" in card
    for heading in headings:
        assert f"(#{heading.lower().replace(' ', '-')})" in card


def test_means_holdout_and_intervals_match_the_document(document: Document) -> None:
    card = model_card(document)
    for group, models in document["means"].items():
        for name, scores in models.items():
            row = (group, name, number(scores["rmsle"]), number(scores["wrmsse"]))
            assert f"| {' | '.join(row)} |" in card
    holdout = next(window for window in document["windows"] if window["role"] == "holdout")
    for name, scores in holdout["models"].items():
        row = (name, holdout["origin"], number(scores["rmsle"]), number(scores["wrmsse"]))
        assert f"| {' | '.join(row)} |" in card
    for level, buckets in document["intervals"]["levels"].items():
        for bucket, cell in buckets.items():
            assert f"| {level} | {bucket} | {percent(cell['50%']['coverage'])} |" in card


def test_data_and_recipe_match_the_document(document: Document) -> None:
    card = model_card(document)
    assert document["snapshot"] in card
    assert document["facts"]["first_date"] in card
    for segment in document["recipe"]["segments"]:
        assert f"- `max_rows`: {segment['max_rows']}" in card
        for member in segment["members"]:
            assert f"learning_rate {member['parameters']['learning_rate']}" in card


def test_the_command_to_reproduce_asks_for_the_same_windows(document: Document) -> None:
    assert "--short 2 --long 1" in model_card(document)


def test_every_table_has_equally_wide_rows(document: Document) -> None:
    widths = []
    for line in model_card(document).splitlines():
        if line.startswith("|"):
            widths.append(line.count("|"))
        elif widths:
            assert len(set(widths)) == 1
            widths = []


def test_responses_match_the_document(document: Document) -> None:
    response = document["response"]
    assert response["origin"] == document["windows"][0]["origin"]
    card = model_card(document)
    (curve,) = response["covariates"]
    for member in curve["members"]:
        name = member["node"].removeprefix("family:")
        figures = [number(each["forecast"], 2) for each in member["responses"].values()]
        row = (name, number(member["planned"], 1), *figures)
        assert f"| {' | '.join(row)} |" in card
    assert "left out" not in card


def test_members_without_a_row_are_counted(document: Document) -> None:
    document["response"]["covariates"][0]["left_out"] = 9
    assert "9 more that sell less are left out" in model_card(document)


def test_without_responses_there_is_no_section_of_them(document: Document) -> None:
    assert "### Response" in model_card(document)
    del document["response"]
    assert "### Response" not in model_card(document)


def test_a_previous_bundle_has_a_section(document: Document) -> None:
    assert "### The bundle before" not in model_card(document)
    models = document["windows"][0]["models"]
    models[PREVIOUS] = models["mlrf"]
    assert "### The bundle before" in model_card(document)


def test_missing_figures_are_stated(gaps: Document) -> None:
    assert f"| {NOTHING} |" in model_card(gaps)


def test_no_number_is_typed_by_hand() -> None:
    """The texts hold no digit, so every figure comes from the document."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    typed = [
        text for text in _text_constants(tree) if any(map(str.isdigit, text.replace("log1p", "")))
    ]
    assert typed == []


def _text_constants(node: ast.AST) -> Iterator[str]:
    """Yield text constants except docstrings and format specifications."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FormattedValue):
            yield from _text_constants(child.value)
        elif isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value
        else:
            yield from _text_constants(child)
