"""The frames of checked tables, by the names of the tables."""

from __future__ import annotations

import polars as pl

from features.data.reading.schema import FUTURE, HOLIDAYS, SALES
from features.data.tables import Tables


def frames_of(tables: Tables) -> dict[str, pl.DataFrame]:
    """Return the frames from which `Tables.of_frames` makes the same tables."""
    frames = {SALES: tables.train, HOLIDAYS: tables.holidays_events, **tables.others}
    return frames if tables.test is None else {**frames, FUTURE: tables.test}
