"""Small valid tables as text, which tests alter before it is written."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import polars as pl

DAYS = 40
FIRST = date(2024, 1, 1)
STORES = (1, 2, 14)
FAMILIES = ("BREAD", "PÂTÉ", "LIQUOR,WINE")


@dataclass
class Sheet:
    """A CSV file: its cells, and their form in the file."""

    header: list[str]
    rows: list[list[str]]
    delimiter: str = ","
    quoting: int = csv.QUOTE_MINIMAL
    line_end: str = "\n"
    encoding: str = "utf-8"
    before: bytes = b""
    after: str = ""
    suffix: str = ".csv"
    lines: dict[int, str] = field(default_factory=dict)
    """Raw lines that replace a row, by its index."""

    def to_bytes(self) -> bytes:
        out = io.StringIO(newline="")
        writer = csv.writer(
            out, delimiter=self.delimiter, quoting=self.quoting, lineterminator=self.line_end
        )
        writer.writerow(self.header)
        for number, row in enumerate(self.rows):
            if number in self.lines:
                out.write(self.lines[number] + self.line_end)
            else:
                writer.writerow(row)
        text = out.getvalue() + self.after
        data = self.before + text.encode(self.encoding, errors="replace")
        return gzip.compress(data) if self.suffix == ".csv.gz" else data


def frames() -> dict[str, pl.DataFrame]:
    """Return tables without errors or warnings."""
    days = [FIRST + timedelta(number) for number in range(DAYS)]
    keys = [(day, store, family) for day in days for store in STORES for family in FAMILIES]
    train = [
        (day, store, family, 10 + store + number % 7 + 0.25, number % 4)
        for number, (day, store, family) in enumerate(keys)
    ]
    planned = [(day + timedelta(DAYS), store, family) for day, store, family in keys]
    planned = [key for key in planned if key[0] < FIRST + timedelta(DAYS + 4)]
    test = [(number, *key, number % 3) for number, key in enumerate(planned)]
    columns = ["date", "store_nbr", "family"]
    return {
        "train": pl.DataFrame(train, [*columns, "sales", "onpromotion"], orient="row"),
        "stores": pl.DataFrame(
            {
                "store_nbr": STORES,
                "city": ["Alder", "Bröke", "Cove"],
                "state": ["North", "South", "South"],
                "type": ["A", "B", "A"],
                "cluster": [3, 14, 3],
            }
        ),
        "oil": pl.DataFrame({"date": days, "dcoilwtico": [70 + n % 5 + 0.5 for n in range(DAYS)]}),
        "holidays_events": pl.DataFrame(
            {
                "date": days[:3],
                "type": ["Holiday", "Event", "Work Day"],
                "locale": ["National", "Local", "Regional"],
                "locale_name": ["Land", "Bröke", "South"],
                "description": ["New Year", "Fête", "Make-up day"],
                "transferred": [False, True, False],
            }
        ),
        "transactions": pl.DataFrame(
            [(day, store, 100 + store) for day in days for store in STORES],
            ["date", "store_nbr", "transactions"],
            orient="row",
        ),
        "test": pl.DataFrame(test, ["id", *columns, "onpromotion"], orient="row"),
    }


def sheets() -> dict[str, Sheet]:
    """Return the same tables as text."""
    return {
        name: Sheet(frame.columns, [list(row) for row in frame.cast(pl.String).rows()])
        for name, frame in frames().items()
    }


def write_sheets(folder: Path, written: Mapping[str, Sheet]) -> Path:
    for name, sheet in written.items():
        (folder / f"{name}{sheet.suffix}").write_bytes(sheet.to_bytes())
    return folder


def write_frames(folder: Path, written: Mapping[str, pl.DataFrame]) -> Path:
    for name, frame in written.items():
        frame.write_parquet(folder / f"{name}.parquet")
    return folder
