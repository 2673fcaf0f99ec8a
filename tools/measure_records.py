"""Measure the records of live accuracy of a large retailer: their size, and the time of reads.

Usage: ``python -m tools.measure_records URL [DAYS] [STORES] [FAMILIES]``, with the URL of an empty
database. It reports invented sales of every series, day by day, as a till would, and writes the
sums of as many scored days. By default that is two years of 288 stores and 99 families.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import numpy as np
from sqlalchemy import Engine, text

from lifecycle.monitoring.live_accuracy import read_live_accuracy
from storage.actuals import Actual, ActualStore
from storage.audit import Actor
from storage.database import open_database, reading, writing
from storage.migrations import upgrade
from storage.performance import Performance, replace_day
from storage.tables import PERFORMANCE_SUMS

FIRST = date(2022, 1, 1)
ROWS = 10_000
"""Rows of a report: the most that a call takes."""
BUCKETS = ("1-7", "8-16", "17-30", "31-60", "61-90")
BUNDLE = "measured"
_USUAL = (730, 288, 99)
_BY, _NOW = Actor("till"), datetime.now(UTC)


@contextmanager
def timed(seconds: list[float]) -> Iterator[None]:
    """Add the seconds that the block takes."""
    began = time.perf_counter()
    yield
    seconds.append(time.perf_counter() - began)


def report_sales(store: ActualStore, nodes: Sequence[str], days: int) -> list[float]:
    """Report every series on each day, and return the seconds of each day."""
    draw, seconds = np.random.default_rng(0), list[float]()
    for number in range(days):
        day, units = FIRST + timedelta(number), draw.poisson(20, len(nodes)).tolist()
        with timed(seconds):
            for start in range(0, len(nodes), ROWS):
                part = slice(start, start + ROWS)
                pairs = zip(nodes[part], units[part], strict=True)
                actuals = [Actual(node, day, float(sold)) for node, sold in pairs]
                store.report(actuals, by=_BY, at=_NOW)
        if number % 100 == 0:
            print(f"{number} of {days} days are reported", file=sys.stderr)
    return seconds


def write_sums(database: Engine, stores: int, families: int, days: int) -> list[float]:
    """Write the sums of each day, and return the seconds of each."""
    nodes = [
        *(("store", f"store:{number}") for number in range(stores)),
        *(("family", f"family:{number}") for number in range(families)),
    ]
    groups = [
        *((level, "") for level in ("total", "store", "family", "bottom")),
        *nodes,
        *(("bottom", node) for _, node in nodes),
    ]
    draw, seconds = np.random.default_rng(0), list[float]()
    for number in range(days):
        day = FIRST + timedelta(number)
        rows = [
            Performance(
                day=day,
                level=level,
                node=node,
                days_ahead=bucket,
                sums=dict(zip(PERFORMANCE_SUMS, draw.random(len(PERFORMANCE_SUMS)), strict=True)),
            )
            for level, node in groups
            for bucket in BUCKETS
        ]
        with timed(seconds), writing(database) as connection:
            replace_day(connection, BUNDLE, day, rows, inputs="", at=_NOW)
    return seconds


def size_of(database: Engine) -> int:
    """Return the bytes of a database."""
    query = "select pg_database_size(current_database())"
    if database.dialect.name == "sqlite":
        query = "select page_count * page_size from pragma_page_count(), pragma_page_size()"
    with reading(database) as connection:
        return int(connection.execute(text(query)).scalar_one())


def main() -> None:
    """Measure, and print a line for each figure."""
    url, *numbers = sys.argv[1:]
    days, stores, families = [*map(int, numbers), *_USUAL[len(numbers) :]]
    database = open_database(url)
    upgrade(database)
    nodes = [f"store:{at}/family:{of}" for at in range(stores) for of in range(families)]
    reports = report_sales(ActualStore(database), nodes, days)
    print(
        f"report of a day: median {np.median(reports):.2f} s, of the last ten "
        f"{np.median(reports[-10:]):.2f} s"
    )
    print(f"sums of a day: median {np.median(write_sums(database, stores, families, days)):.2f} s")
    for window in (28, 90, 365):
        for level in (None, "store"):
            seconds: list[float] = []
            with timed(seconds):
                node = "" if level is None else None
                read_live_accuracy(database, BUNDLE, window, node=node, level=level)
            print(f"accuracy of {window} days, {level or 'levels'}: {seconds[0]:.2f} s")
    print(f"size: {size_of(database) / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
