"""Writes the tables of an example, and its `retailer.yaml` beside them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from examples.departments import tables as departments
from examples.drugstores import tables as drugstores
from examples.hypermarkets import tables as hypermarkets
from examples.items import tables as items
from examples.restaurants import tables as restaurants
from examples.returns import tables as returns

SEED = 20160101

MakeTables = Callable[[float, np.random.Generator], dict[str, pl.DataFrame]]
EXAMPLES: Mapping[str, MakeTables] = {
    "departments": departments.make_tables,
    "drugstores": drugstores.make_tables,
    "hypermarkets": hypermarkets.make_tables,
    "items": items.make_tables,
    "restaurants": restaurants.make_tables,
    "returns": returns.make_tables,
}


def write_example(name: str, folder: Path, *, scale: float = 1.0, seed: int = SEED) -> list[Path]:
    """Write the tables of an example as CSV files, and return the files that were written.

    The same seed and scale write the same bytes. Files of those names are replaced.

    Args:
        scale: multiplies the number of series.

    Raises:
        KeyError: there is no such example.
    """
    tables = EXAMPLES[name](scale, np.random.default_rng(seed))
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for stem, frame in tables.items():
        written.append(folder / f"{stem}.csv")
        frame.write_csv(written[-1])
    [source] = (Path(__file__).parent / name).glob("*.yaml")
    written.append(Path(shutil.copyfile(source, folder / source.name)))
    return written
