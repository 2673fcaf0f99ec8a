"""`mlrf look` and `mlrf init` show and state what is understood of tables."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cli.main import app
from features.data.tables import read_tables
from tests.support.shops import write_shops


@pytest.fixture
def shops(tmp_path: Path) -> Path:
    return write_shops(tmp_path / "shops")


def test_look_prints_what_is_understood_and_a_file_that_states_it(shops: Path) -> None:
    done = CliRunner().invoke(app, ["look", str(shops)])
    assert done.exit_code == 0, done.output
    for phrase in (
        "12, named by shop, department",
        "2022-01-01 to 2023-04-25 (480 days)",
        "1 total · 2 region · 4 shop · 3 department",
        "price: price, read as a logarithm, known ahead",
        "visitors: count, adds up, history only",
        "1.3 years: the yearly season was seen once",
    ):
        assert phrase in done.output, phrase
    before = read_tables(shops).specification
    (shops / "retailer.yaml").write_text(done.stdout, encoding="utf-8")
    assert read_tables(shops).specification == before


def test_init_writes_a_file_that_trains(shops: Path) -> None:
    (shops / "retailer.yaml").unlink()
    done = CliRunner().invoke(app, ["init", str(shops), "--yes"])
    assert done.exit_code == 0, done.output
    document = yaml.safe_load((shops / "retailer.yaml").read_text(encoding="utf-8"))
    assert document["series"] == ["shop", "department"]
    assert read_tables(shops).specification.open == "offen"


def test_init_asks_and_saves_the_answers(shops: Path) -> None:
    (shops / "retailer.yaml").unlink()
    answers = "shop, department\nMenge\nclosed\nDE\n"
    done = CliRunner().invoke(app, ["init", str(shops)], input=answers)
    assert done.exit_code == 0, done.output
    specification = read_tables(shops).specification
    assert (specification.missing, specification.holidays.country) == ("closed", "DE")


def test_init_leaves_a_file_that_is_there(shops: Path) -> None:
    before = (shops / "retailer.yaml").read_bytes()
    done = CliRunner().invoke(app, ["init", str(shops), "--yes"])
    assert done.exit_code != 0
    assert "is there already" in str(done.exception)
    assert (shops / "retailer.yaml").read_bytes() == before
