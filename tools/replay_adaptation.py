"""Replay the snapshots of a store day by day, with and without adapted intervals.

Usage: ``python -m tools.replay_adaptation STORE FOLDER [FIRST]``, with an ``ARTIFACTS_DIR`` whose
snapshots follow each other, an empty folder of the same volume for the replay, and the first day
to report. It prints the coverage of what the store's oldest bundle would have served, by level and
days ahead, and the mean weighted interval score (WIS) in units. The store is only read.
"""

from __future__ import annotations

import os
import shutil
import sys
from datetime import date
from pathlib import Path

from sqlalchemy import Engine

from lifecycle.monitoring.live_accuracy import measure
from lifecycle.monitoring.scoring import score
from storage.artifacts import Release, Store
from storage.database import open_database, reading
from storage.migrations import upgrade
from storage.performance import read_performance


def replay(source: Store, target: Store, bundle: str, *, adapted: bool) -> Engine:
    """Serve each snapshot in turn, score after each, and return the database of the sums."""
    target.forecasts.mkdir(parents=True)
    database = open_database(f"sqlite:///{target.root}/replay.db")
    upgrade(database)
    shutil.copytree(source.bundles / bundle, target.bundles / bundle, copy_function=os.link)
    release = Release(bundle, "")
    for snapshot in sorted(source.snapshots.glob("[!.]*")):
        shutil.copytree(snapshot, target.snapshots / snapshot.name, copy_function=os.link)
        for stored in source.forecasts.glob(f"{bundle}.{snapshot.name}-*"):
            shutil.copytree(stored, target.forecasts / stored.name, copy_function=os.link)
        target.promote(Release(bundle, snapshot.name, release.adaptation))
        release = score(target, database, adapt_intervals=adapted).release
        print(f"{snapshot.name}: {release.adaptation or 'not adapted'}", file=sys.stderr)
    return database


def print_coverage(databases: dict[str, Engine], bundle: str, first: date) -> None:
    """Print the shares of the sales within the intervals, of days from one on."""
    figures = {}
    for name, database in databases.items():
        with reading(database) as connection:
            rows = read_performance(connection, bundle, first, date.max)
        figures[name] = {(each.level, each.days_ahead): each for each in measure(rows)}
    print(
        "| level | days ahead | "
        + " | ".join(f"80 % {n} | 95 % {n} | WIS {n}" for n in figures)
        + " |"
    )
    for cell in next(iter(figures.values())):
        shares = [
            f"{each.coverage[80].value:.3f} | {each.coverage[95].value:.3f} | {each.wis:.2f}"
            for each in (of_name[cell] for of_name in figures.values())
        ]
        print(f"| {' | '.join((*cell, *shares))} |")


def main(source: str, folder: str, first: str = "0001-01-01") -> None:
    store, target = Store(Path(source)), Path(folder)
    bundle = min(path.name for path in store.bundles.glob("[!.]*"))
    databases = {
        name: replay(store, Store(target / name), bundle, adapted=name == "adapted")
        for name in ("plain", "adapted")
    }
    print_coverage(databases, bundle, date.fromisoformat(first))


if __name__ == "__main__":
    main(*sys.argv[1:])
