"""The study of drift: its faults are in the tables, and its figures are counted right."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from features.data.snapshot import Snapshot
from features.data.tables import Tables
from training.demo.generator import demo_tables
from training.evaluation.drift_study import (
    FAULTS,
    LATE_STORE,
    PLANNED_DAYS,
    Fault,
    cut_tables,
    drop_store,
    stale_delay,
    tabulate,
)

CUT = date(2023, 6, 30)


@pytest.fixture(scope="module")
def tables() -> Tables:
    return drop_store(demo_tables(), LATE_STORE)


def test_tables_are_cut_to_what_was_known_on_a_day(tables: Tables) -> None:
    cut = cut_tables(tables, CUT)
    assert cut.train["date"].max() == CUT
    assert cut.test is not None
    assert "sales" not in cut.test.columns
    assert cut.test["date"].min() == CUT + timedelta(1)
    assert cut.test["date"].max() == CUT + timedelta(PLANNED_DAYS)
    assert cut.others["oil"]["date"].max() <= CUT


@pytest.mark.parametrize("fault", [pytest.param(each, id=each.name) for each in FAULTS])
def test_a_fault_alters_no_day_before_it(fault: Fault, tables: Tables) -> None:
    altered = fault.inject(tables, fault.day)
    before = pl.col("date") < fault.day
    for name in ("train", "holidays_events"):
        then, now = getattr(tables, name), getattr(altered, name)
        assert now.filter(before).equals(then.filter(before))
    assert not (
        altered.train.equals(tables.train)
        and altered.holidays_events.equals(tables.holidays_events)
    )


def test_no_newer_data_are_noticed_after_a_week(snapshot: Snapshot) -> None:
    assert stale_delay(snapshot) == 7


def alarm(detector: str, delay: int, severity: str = "warning") -> dict[str, object]:
    return {"detector": detector, "severity": severity, "delay": delay}


def test_figures_are_the_first_alarm_of_each_test_and_retailer() -> None:
    documents = [
        {
            "days": 365,
            "clean": [alarm("loss", 0), alarm("unseen", 0, "info")],
            "faults": {"a": [alarm("loss", 9), alarm("too_low", 3), alarm("loss", 5)], "b": []},
        },
        {"days": 365, "clean": [], "faults": {"a": [alarm("loss", 4)], "b": []}},
    ]
    lines = tabulate(documents, 7).splitlines()
    assert lines[0] == "False alarms in 2.0 years without a fault:"
    assert "| `loss` | 1 | 0 |" in lines
    assert "| `unseen` | 0 | 1 |" in lines
    assert "| a | `loss` | 5, 4 | `too_low` 3, never |" in lines
    assert "| b | none | never | |" in lines
    assert "| no newer tables | `stale_data` | 7 | |" in lines
