"""Writes a copy of a folder of tables as it was some days before their end.

Plans reach as far beyond the last sales as they do in the original: what a table of its own says
of later days is left out, and the table of the days ahead is made from the sales that were cut.
"""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from errors import InputError
from features.data.findings import Report
from features.data.reading.columns import to_date
from features.data.reading.files import list_tables
from features.data.reading.layout import STANDARD
from features.data.reading.reader import read_all_columns
from features.data.retailer import specify
from features.data.specification import Specification
from features.data.stated import RETAILER_FILE
from features.data.tables import DataError


def hold_out(folder: Path, destination: Path, steps: int) -> date:
    """Write the tables of a folder without their last days, and return the last day that is left.

    Of weekly data, the last weeks are left out. The copies are CSV files.

    Raises:
        DataError: the folder does not say what its tables are.
        InputError: there are too few days.
    """
    report = Report()
    understanding = specify(folder, STANDARD, report)
    if understanding is None:
        raise DataError.of_report(folder, report)
    cut = _Cut(folder, understanding.specification, steps)
    destination.mkdir(parents=True, exist_ok=True)
    for stem in list_tables(folder):
        table = cut.table(stem)
        if table is not None and table.height:
            table.write_csv(destination / f"{stem}.csv")
    if (folder / RETAILER_FILE).exists():
        shutil.copyfile(folder / RETAILER_FILE, destination / RETAILER_FILE)
    return cut.last


class _Cut:
    """The tables of a folder, and the day after which they are cut."""

    def __init__(self, folder: Path, specification: Specification, steps: int) -> None:
        self._folder = folder
        self._specification = specification
        self._date = specification.columns.get("date", "date")
        self._sales = self._read(specification.sales)
        dates = self._dates(self._sales)
        self._end = _last(dates)
        days = steps * specification.step.days
        self.last = self._end - timedelta(days)
        if not (dates <= self.last).any():
            raise InputError(f"{folder}: there are no sales {days} days before {self._end}")
        events = {specification.holidays.events, specification.holidays.table}
        self._whole = events - {None}

    def table(self, stem: str) -> pl.DataFrame | None:
        """Return a table as it was on the last day; None if there was none."""
        specification = self._specification
        if stem == specification.future:
            return self._days_ahead()
        table = self._sales if stem == specification.sales else self._read(stem)
        if stem in self._whole or self._date not in table.columns:
            return table
        dates = self._dates(table)
        lead = max((_last(dates) - self._end).days, 0)
        return table.filter(dates <= self.last + timedelta(lead))

    def _days_ahead(self) -> pl.DataFrame | None:
        """Return the plans of the days that were cut, as far ahead as the original's reach."""
        future = self._read(self._specification.future or "")
        lead = (_last(self._dates(future)) - self._end).days
        columns = [name for name in future.columns if name in self._sales.columns]
        dates = self._dates(self._sales)
        ahead = (dates > self.last) & (dates <= self.last + timedelta(lead))
        return self._sales.filter(ahead).select(columns)

    def _read(self, stem: str) -> pl.DataFrame:
        report = Report()
        table = read_all_columns(self._folder, stem, STANDARD, report)
        if table is None:
            raise DataError.of_report(self._folder, report)
        return table

    def _dates(self, table: pl.DataFrame) -> pl.Series:
        return to_date(table[self._date], STANDARD).values


def _last(dates: pl.Series) -> date:
    last = dates.max()
    assert isinstance(last, date)
    return last
