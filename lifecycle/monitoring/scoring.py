"""Comparison of vintages with what was sold since.

For each day whose sales are known, and each bundle, the errors of all its vintages that forecast
the day are summed. A day is compared again when its sales or its vintages change, and all of it or
nothing is written, so that scoring can be ended and repeated at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from lifecycle.jobs import now
from lifecycle.monitoring.adaptation import adapt, stop_adapting
from lifecycle.monitoring.vintage_list import list_vintages
from lifecycle.monitoring.vintages import VintageReader, make_missing
from models.buckets import buckets_of
from models.engine import Progress
from models.error_sums import NOMINALS, Forecast, groups_of, sum_errors
from models.volumes import volumes_of
from storage.actuals import ActualStore
from storage.artifacts import Release, Store
from storage.database import reading, writing
from storage.performance import (
    Performance,
    Vintage,
    adopt_vintages,
    list_recorded,
    read_inputs,
    replace_day,
)

Values = NDArray[np.float64]

KEEPING = "keeping the forecasts"
COMPARING = "comparing with the sales"

SCORED_DAYS = 400
"""Newest days that are compared: a correction of older sales changes nothing."""


@dataclass(frozen=True)
class Scored:
    """Outcome of a scoring.

    Attributes:
        vintages: names of those that are new.
        days: days compared, by bundle.
        damaged: vintages that could not be read, with the reason.
        release: that serves since; with another adaptation of its intervals if that has changed.
    """

    vintages: list[str]
    days: Mapping[str, list[date]]
    damaged: Mapping[str, str]
    release: Release


def score(
    store: Store,
    database: Engine,
    *,
    adapt_intervals: bool | None = None,
    enter: Callable[[str], object] = lambda phase: None,
    advance: Progress = lambda done, total: None,
) -> Scored:
    """Make the vintages that are missing, and compare all with the sales that are known.

    Args:
        adapt_intervals: whether what serves gets intervals that are adapted to the misses (see
            `models.adaptation`), or has those of its bundle again; None: they stay as they are.
        enter: called with each phase as it begins.
        advance: called with the days compared, and all days to compare.

    Raises:
        ArtifactError: nothing is served, or its snapshot is damaged.
        StorageError: the database fails.
    """
    enter(KEEPING)
    serving = store.current()
    new = _keep_vintages(store, database, later=None if adapt_intervals is None else serving)
    enter(COMPARING)
    sales = Sales(load_snapshot(store.snapshots / serving.snapshot), ActualStore(database))
    reader = VintageReader(store, sales.snapshot)
    days = _compare(database, sales, reader, advance)
    if adapt_intervals is not None:
        change = adapt if adapt_intervals else stop_adapting
        serving = change(store, database, serving)
        # the newest forecasts are kept with the intervals that they are served with from now on
        new += _keep_vintages(store, database)
        reported = _compare(database, sales, reader, advance)
        for bundle, further in reported.items():
            days.setdefault(bundle, []).extend(further)
    return Scored(
        vintages=[each.name for each in new], days=days, damaged=reader.damaged, release=serving
    )


def _keep_vintages(
    store: Store, database: Engine, *, later: Release | None = None
) -> list[Vintage]:
    """Make the vintages that are missing, and return those that the database did not know."""
    make_missing(store, later=later)
    with writing(database) as connection:
        return adopt_vintages(connection, list(list_vintages(store)), at=now())


def _compare(
    database: Engine, sales: Sales, reader: VintageReader, advance: Progress
) -> dict[str, list[date]]:
    """Compare all vintages with the sales that are known; return the days, by bundle."""
    waiting = list(_find_days(database, sales, list(list_vintages(reader.store))))
    days: dict[str, list[date]] = {}
    for done, (bundle, day, of_day, inputs) in enumerate(waiting):
        advance(done, len(waiting))
        performance = _score_day(reader, sales, of_day, day)
        with writing(database) as connection:
            replace_day(connection, bundle, day, performance, inputs=inputs, at=now())
        days.setdefault(bundle, []).append(day)
    advance(len(waiting), len(waiting))
    return days


class Sales:
    """Sales of the bottom series: those of a snapshot, and where it has none the reported ones.

    Attributes:
        snapshot: that is served.
        volumes: class of each of its nodes (see `models.volumes`).
        days: whose sales are known, at least of some series; the newest of them.
    """

    def __init__(self, snapshot: Snapshot, reported: ActualStore) -> None:
        self.snapshot = snapshot
        self.volumes = volumes_of(snapshot)
        first = snapshot.date_at(max(snapshot.n_days - SCORED_DAYS, 0))
        last = snapshot.date_at(snapshot.newest_origin + snapshot.horizon)
        self._reported = reported.read(first, last)
        newest = snapshot.date_at(snapshot.newest_origin)
        past = (snapshot.date_at(at) for at in range(snapshot.index_of(first), snapshot.n_days))
        self.days = [*past, *sorted(day for day in self._reported if day > newest)]

    def of(self, day: date) -> Values:
        """Return the units that each bottom series sold on a day, NaN where not known."""
        snapshot, upper = self.snapshot, self.snapshot.hierarchy.n_upper
        at = snapshot.index_of(day)
        bottoms = slice(upper, None)
        if at > snapshot.newest_origin:
            known = np.full(snapshot.hierarchy.n_bottom, np.nan)
            delivered = np.zeros(len(known), dtype=np.bool_)
        else:
            known = snapshot.targets(bottoms, np.array([at]))[:, 0]
            delivered = ~np.isnan(snapshot.sales[bottoms, at])
        index = snapshot.hierarchy.index
        for node, units in self._reported.get(day, {}).items():
            row = index.get(node, -1) - upper
            if row >= 0 and not delivered[row]:
                known[row] = units
        return known


_Waiting = tuple[str, date, Sequence[Vintage], str]


def _find_days(database: Engine, sales: Sales, vintages: Sequence[Vintage]) -> Iterator[_Waiting]:
    """Yield each bundle and day to compare, with its vintages and the digest of both.

    A day is left as it was compared once a vintage of it is removed: its sums hold more forecasts
    than are left.
    """
    digests: dict[date, bytes] = {}
    names = {each.name for each in vintages}
    with reading(database) as connection:
        removed = [each for each in list_recorded(connection) if each.name not in names]
    by_bundle = sorted(vintages, key=lambda each: (each.bundle, each.origin, each.name))
    for bundle, of_bundle in groupby(by_bundle, key=lambda each: each.bundle):
        latest = {each.origin: each for each in of_bundle}  # of an origin, that of the newest data
        with reading(database) as connection:
            before = read_inputs(connection, bundle)
        for day in sales.days:
            of_day = [each for each in latest.values() if each.forecasts(day)]
            if not of_day:
                continue
            gone = (each.forecasts(day) for each in removed if each.bundle == bundle)
            if day in before and any(gone):
                continue
            if day not in digests:
                known = sales.of(day)
                if np.isnan(known).all():
                    continue
                digests[day] = hashlib.sha256(known.tobytes()).digest()
            digest = hashlib.sha256(digests[day])
            for each in of_day:
                digest.update(each.name.encode())
            inputs = digest.hexdigest()
            if before.get(day) != inputs:
                yield bundle, day, of_day, inputs


def _score_day(
    reader: VintageReader, sales: Sales, vintages: Sequence[Vintage], day: date
) -> list[Performance]:
    snapshot = sales.snapshot
    buckets, sold = buckets_of(snapshot.specification), sales.of(day)
    by_bucket: dict[int, list[Values]] = {}
    for vintage in vintages:
        horizon = vintage.horizon_of(day)
        if horizon > buckets.horizon:  # of a model with a longer one
            continue
        values = reader.read(vintage, day)
        if values is not None:
            by_bucket.setdefault(int(buckets.of(np.array(horizon))), []).append(values)
    return [
        each
        for bucket, columns in sorted(by_bucket.items())
        for each in _measure(sales, np.stack(columns, axis=2), sold, day, buckets.names[bucket])
    ]


def _measure(
    sales: Sales, columns: Values, sold: Values, day: date, days_ahead: str
) -> Iterator[Performance]:
    """Yield the sums of the groups of a day and bucket.

    Args:
        columns: of vintages, shape (8, nodes, vintages).
    """
    mean, base, naive, *bounds, factors = columns
    forecast = Forecast(
        mean,
        base,
        naive,
        {nominal: (bounds[2 * at], bounds[2 * at + 1]) for at, nominal in enumerate(NOMINALS)},
        factors,
    )
    hierarchy, volumes = sales.snapshot.hierarchy, sales.volumes
    sums = sum_errors(hierarchy, forecast, sold[:, None], volumes)
    totals = {name: each.sum(axis=1) for name, each in sums.items()}
    for at, group in enumerate(groups_of(hierarchy, volumes)):
        of_group: Mapping[str, float] = {name: float(each[at]) for name, each in totals.items()}
        if of_group["known"]:
            yield Performance(
                day=day,
                level=group.level,
                node=group.node,
                volume=group.volume,
                days_ahead=days_ahead,
                sums=of_group,
            )
