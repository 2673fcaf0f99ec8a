"""Data with too little history are refused with a reason before anything is fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from features.data.calendar import EVENT, NATIONAL, Holiday
from features.data.snapshot import Snapshot
from storage.artifacts import Store
from training.history import (
    TooLittleHistoryError,
    check_history,
    check_ordinary_days,
    required_days,
)
from training.pipeline import train
from training.progress import NullReporter, ReportedStep
from training.recipe import Recipe


def sold_from(snapshot: Snapshot, day: int) -> Snapshot:
    """Return the snapshot with zeros before a day."""
    sales = snapshot.sales.copy()
    sales[:, :day] = 0
    return replace(snapshot, sales=sales)


def with_events(snapshot: Snapshot, *runs: tuple[int, int]) -> Snapshot:
    """Return the snapshot with a separate event on each run of days, given by length."""
    rows = [
        Holiday(
            date=snapshot.date_at(snapshot.n_days - back + day),
            type=EVENT,
            locale=NATIONAL,
            locale_name="Land",
            description=f"Event {'abcdefgh'[number]}",
            transferred=False,
        )
        for number, (back, length) in enumerate(runs)
        for day in range(length)
    ]
    return replace(snapshot, holidays=tuple(rows))


def test_enough_history_is_accepted(snapshot: Snapshot) -> None:
    check_history(sold_from(snapshot, snapshot.n_days - required_days(snapshot)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda data: sold_from(data, data.n_days),
            r"nothing was sold: the sales of all 1,?277 days, 2021-01-01 to 2024-06-30",
            id="nothing sold",
        ),
        pytest.param(
            lambda data: sold_from(data, data.n_days - required_days(data) + 1),
            r"needs 154 days of sales, not 153: the first sale of the "
            r"table is on \d{4}-\d\d-\d\d",
            id="sales begin late",
        ),
    ],
)
def test_too_little_history_is_refused(
    snapshot: Snapshot, change: Callable[[Snapshot], Snapshot], message: str
) -> None:
    with pytest.raises(TooLittleHistoryError, match=message):
        check_history(change(snapshot))


def test_long_events_leave_enough_to_learn_from(snapshot: Snapshot) -> None:
    check_ordinary_days(with_events(snapshot, (180, 80), (90, 80)), snapshot.n_days - 370)


def test_a_calendar_of_long_events_alone_is_refused(snapshot: Snapshot) -> None:
    """No evaluation day would be usable for learning."""
    judged = with_events(snapshot, (150, 75), (75, 75))
    with pytest.raises(TooLittleHistoryError, match=r"not 0: events of more than 7 days take 150"):
        check_ordinary_days(judged, snapshot.n_days - 151)


class Steps(NullReporter):
    """A reporter that records the names of started steps."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def start(self, step: ReportedStep) -> None:
        self.names.append(step.name)


def test_a_table_of_zeros_is_refused_before_the_long_steps(
    demo_folder: Path, recipe: Recipe, tmp_path: Path
) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    for path in demo_folder.iterdir():
        frame = pl.read_parquet(path)
        frame = frame.with_columns(sales=pl.lit(0.0)) if path.stem == "train" else frame
        frame.write_parquet(folder / path.name)
    steps = Steps()
    with pytest.raises(TooLittleHistoryError, match="nothing was sold"):
        train(folder, Store(tmp_path / "artifacts"), recipe, threads=1, reporter=steps)
    assert steps.names == ["read tables", "build snapshot"]
