"""A part of the tables of sales and of days ahead: the rows of some whole sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import polars as pl

from features.data.parts.runner import HERE, PartRunner
from features.data.reading.reader import ReadTable
from features.data.reading.schema import FUTURE, SALES
from storage.artifacts.scratch import Scratch

PARTED = (SALES, FUTURE)
"""Tables that are read in parts; all others are read whole."""


class TablePart(Protocol):
    """Rows of some whole sites; the sites of all parts together are in their order."""

    @property
    def names(self) -> Sequence[str]:
        """The names of the tables."""

    def tables(self) -> dict[str, ReadTable]:
        """Return the tables with the rows of this part, in their order."""

    def scan(self, name: str) -> pl.DataFrame | pl.LazyFrame:
        """Return the rows of a table, for a narrow selection of them."""


@dataclass(frozen=True)
class WholePart:
    """All rows, in memory."""

    read: Mapping[str, ReadTable]

    @property
    def names(self) -> Sequence[str]:
        return list(self.read)

    def tables(self) -> dict[str, ReadTable]:
        return dict(self.read)

    def scan(self, name: str) -> pl.DataFrame:
        return self.read[name].frame


@dataclass(frozen=True)
class StoredPart:
    """Rows in Parquet files of a scratch folder; may be sent to another process.

    Attributes:
        folder: with a folder of files for each table.
        blank: the tables without rows.
    """

    folder: Path
    blank: Mapping[str, ReadTable]

    @property
    def names(self) -> Sequence[str]:
        return list(self.blank)

    def tables(self) -> dict[str, ReadTable]:
        return {
            name: replace(table, frame=self.scan(name).collect())
            for name, table in self.blank.items()
        }

    def scan(self, name: str) -> pl.LazyFrame:
        files = sorted((self.folder / name).glob("*.parquet"))
        empty = self.blank[name].frame
        return pl.scan_parquet(files).select(empty.columns) if files else empty.lazy()


@dataclass(frozen=True)
class Parted:
    """The tables of sales and of days ahead, in parts.

    Attributes:
        parts: by their sites, in order.
        blank: the tables without rows.
        counts: rows of each day, by table (see `features.data.checks.spans.count_days`).
        scratch: files of the parts; None where they are in memory.
        runner: what runs the functions of the parts.
    """

    parts: Sequence[TablePart]
    blank: Mapping[str, ReadTable]
    counts: Mapping[str, pl.DataFrame]
    scratch: Scratch | None = None
    runner: PartRunner = HERE
