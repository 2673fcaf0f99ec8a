"""The snapshot: the retailer's data as of its newest origin, as memory-mapped arrays.

A snapshot is an artifact (see `artifacts`): a folder that is verified whenever it is loaded.
`features.data.build` builds one from tables; this module only reads, and needs no table library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from features.data.calendar import (
    Calendar,
    Dates,
    Holiday,
    Place,
    build_calendar,
    calendar_of_weeks,
)
from features.data.closures import CLOSED, NOT_STATED, OPEN, OUTLIER, usually_closed
from features.data.hierarchy import Hierarchy
from features.data.history import carry_backward, carry_forward, fill_gaps
from features.data.promotion_plan import find_plan_days
from features.data.specification import FAVORITA, Covariate, Specification, read_levels
from features.data.step import Step
from storage.artifacts import Artifact, ArtifactError, verify

Row = TypeVar("Row", bound=BaseModel)
Floats = NDArray[np.float64]

KIND = "snapshot"
LATE_DAYS = 14
"""Days before the newest origin whose sales may not be delivered yet (see
`features.data.delivery`)."""

SALES_FILE = "sales.npy"
ESTIMATED_FILE = "estimated.npy"
"""Present only if features read other sales than those of the tables (see
`features.data.history`)."""
SPECIFICATION_FILE = "specification.json"
HOLIDAYS_FILE = "holidays.json"
STATUS_FILE = "status.npy"
"""Present only if there are days that do not count (see `features.data.closures`)."""
BEGINS_FILE = "begins.npy"
"""Present only if the table of the days ahead announces series without sales."""
HIERARCHY_FILE = "hierarchy.json"
"""Attributes of the bottom series; of older snapshots, the levels as well."""


def covariate_file(name: str) -> str:
    """Return the name of the file of a covariate's values."""
    return f"covariate-{quote(name, safe='')}.npy"


class SnapshotFacts(BaseModel):
    """Facts about the data in a snapshot's manifest.

    Attributes:
        known_through: last day for which a covariate that is known ahead has a value.
        demo: whether the data are the built-in demo's, which end on a fixed day, so that their
            age means nothing. Absent from the manifest of other data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    first_date: date
    origin: date
    # the alias is that of older snapshots
    known_through: date = Field(
        validation_alias=AliasChoices("known_through", "promotions_known_through")
    )
    demo: bool = False


@dataclass(frozen=True)
class Snapshot:
    """Panel, covariates, calendar and hierarchy as of the newest origin.

    Attributes:
        name: of the artifact; unique by content.
        facts: first date, origin, and the last date of covariates known ahead.
        hierarchy: nodes and how they add up.
        holidays: the holidays table.
        sales: units as the tables have them, shape (nodes, days up to the origin), float64; NaN
            where not delivered yet, and for a node above where a part is not.
        covariates: values by name, float32; NaN where not known. Of one that is known ahead,
            shape (bottoms, days up to origin + horizon); of others, shape (groups, days up to the
            origin), the groups being those of `Hierarchy.group_of` for the columns it varies with.
        estimated: ``sales`` with estimates in place of undelivered days and outliers (see
            `features.data.history`), of the same shape; None where there are neither.
        status: of each bottom series on each day, shape (bottoms, days up to origin + horizon),
            uint8 (see `features.data.closures`); None where all days count.
        begins: steps from the newest origin to the first day ahead of each bottom series that the
            tables announce without sales, 0 for the others; shape (bottoms,). None where there is
            no such series.

    Invariants: ``sales`` and ``estimated`` of a node are the sums of its bottoms'; ``estimated``
    has no NaN; no array is writable.
    """

    name: str
    facts: SnapshotFacts
    hierarchy: Hierarchy
    holidays: tuple[Holiday, ...]
    sales: NDArray[np.float64]
    covariates: Mapping[str, NDArray[np.float32]]
    estimated: NDArray[np.float64] | None = None
    status: NDArray[np.uint8] | None = None
    begins: NDArray[np.int64] | None = None

    @property
    def specification(self) -> Specification:
        return self.hierarchy.specification

    @property
    def step(self) -> Step:
        return self.specification.step

    @property
    def horizon(self) -> int:
        """Days after an origin that a forecast reaches."""
        return self.specification.horizon

    @property
    def history(self) -> NDArray[np.float64]:
        """The sales that features read, shape (nodes, days up to the origin); no NaN."""
        return self.sales if self.estimated is None else self.estimated

    @property
    def n_days(self) -> int:
        """Days with known sales; the newest origin is the last of them."""
        days: int = self.sales.shape[1]
        return days

    @property
    def newest_origin(self) -> int:
        """Index of the newest origin on the date axis."""
        return self.n_days - 1

    @cached_property
    def dates(self) -> Dates:
        """All days from the first to the last that a forecast from the newest origin reaches."""
        steps = np.arange(self.n_days + self.horizon) * self.step.days
        return np.datetime64(self.facts.first_date) + steps

    @cached_property
    def calendar(self) -> Calendar:
        places = [self._place_of(bottom) for bottom in self._first_of_site]
        if self.step is Step.DAY:
            return build_calendar(self.dates, self.holidays, places, known=self.n_days)
        days = (
            self.dates[0] - self.specification.shift + np.arange(len(self.dates) * self.step.days)
        )
        known = self.n_days * self.step.days
        return calendar_of_weeks(
            self.dates, build_calendar(days, self.holidays, places, known=known)
        )

    @cached_property
    def first_sale(self) -> NDArray[np.int64]:
        """Index of each node's first day with sales; `n_days` where there is none."""
        sold = self.history > 0
        return np.where(sold.any(axis=1), sold.argmax(axis=1), self.n_days)

    @cached_property
    def announced(self) -> NDArray[np.bool_]:
        """Nodes that have sold nothing and of which a series is announced; shape (nodes,)."""
        if self.begins is None:
            return np.zeros(len(self.hierarchy), dtype=np.bool_)
        count = self.hierarchy.aggregate((self.begins > 0).astype(np.float64))
        return np.asarray((count > 0) & (self.first_sale == self.n_days))

    def may_sell(self, origin: int) -> NDArray[np.bool_]:
        """Return which nodes had sold by an origin, or are announced after it; shape (nodes,).

        It is the newest origin after which series are announced: what past tables announced is not
        known.
        """
        sold = self.first_sale <= origin
        return sold | self.announced if origin == self.newest_origin else sold

    @cached_property
    def selling(self) -> NDArray[np.float64]:
        """Number of bottom series below each upper node that sold, by day; shape (upper, days)."""
        upper = self.hierarchy.n_upper
        counts: NDArray[np.float64] = self.hierarchy.summing[:upper] @ (self.history[upper:] > 0)
        return counts

    def targets(self, nodes: NDArray[np.intp] | slice, days: NDArray[np.intp]) -> Floats:
        """Return the sales that training and scoring may use, shape (nodes, days).

        NaN where they are not delivered or contain an outlier, where the day of a bottom series
        does not count, and of a series that is announced.
        """
        targets = self._known_targets(nodes, days)
        if self.begins is not None:
            targets[self.announced[nodes]] = np.nan
        return targets

    def _known_targets(self, nodes: NDArray[np.intp] | slice, days: NDArray[np.intp]) -> Floats:
        rows = np.arange(len(self.hierarchy))[nodes] if isinstance(nodes, slice) else nodes
        cells = np.ix_(rows, days)
        targets = self.sales[cells]
        if self.status is not None:
            bottom = rows >= self.hierarchy.n_upper
            status = self.status[np.ix_(rows[bottom] - self.hierarchy.n_upper, days)]
            targets[bottom] = np.where(status == OPEN, targets[bottom], np.nan)
            wrong = self.hierarchy.summing[rows] @ (self.status[:, days] == OUTLIER)
            return np.where(wrong > 0, np.nan, targets)
        if self.estimated is None:
            return targets
        return np.where(targets == self.estimated[cells], targets, np.nan)

    def _place_of(self, bottom: int) -> Place:
        regions, values = self.specification.holidays, self.hierarchy.bottoms
        return Place(
            city=values[regions.local][bottom] if regions.local else None,
            state=values[regions.regional][bottom] if regions.regional else None,
        )

    @cached_property
    def _site_of(self) -> NDArray[np.intp]:
        """Number of the site of each bottom series, shape (bottoms,)."""
        return self.hierarchy.group_of(self.specification.site)

    @property
    def _first_of_site(self) -> NDArray[np.intp]:
        """The first bottom series of each site, shape (sites,)."""
        return np.unique(self._site_of, return_index=True)[1]

    @cached_property
    def site_share(self) -> NDArray[np.float64]:
        """Share of each site in each node's bottom series; shape (nodes, sites)."""
        return self.group_share(self.specification.site)

    def group_share(self, *columns: str) -> NDArray[np.float64]:
        """Return the share of each group of series in each node; shape (nodes, groups).

        The groups are those of `Hierarchy.group_of`.
        """
        group = self.hierarchy.group_of(*columns)
        members = np.zeros((len(group), int(group.max()) + 1))
        members[np.arange(len(group)), group] = 1
        counts = self._sum_started(members)
        shares: NDArray[np.float64] = counts / counts.sum(axis=1, keepdims=True)
        return shares

    @cached_property
    def pooled_group(self) -> NDArray[np.intp]:
        """Group of each node, shape (nodes,): bottoms that differ by their site; others single.

        An announced series is a group of its own, because it has no past to pool.
        """
        upper = np.arange(self.hierarchy.n_upper)
        pooled = self.hierarchy.group_of(*self.specification.pooled)
        if self.begins is not None:
            new = np.flatnonzero(self.begins)
            pooled[new] = pooled.max() + 1 + np.arange(len(new))
        return np.concatenate((upper, len(upper) + pooled))

    def of_nodes(self, covariate: Covariate, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return a covariate of every node from that of the bottoms: their sum or mean.

        Announced series count in nodes of which all series are announced alone: they have no past,
        and must not change what the model reads of the others.

        Args:
            values: shape (bottoms, days).

        Returns:
            Shape (nodes, days).
        """
        return self._sum_started(values) if covariate.kind.adds_up else self.average(values)

    def average(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the mean of each node's bottoms, shape (nodes, days), of (bottoms, days).

        Announced series count as in `of_nodes`.
        """
        return self._sum_started(values) / self._bottoms_of_node[:, None]

    @cached_property
    def _bottoms_of_node(self) -> NDArray[np.float64]:
        return self._sum_started(np.ones(self.hierarchy.n_bottom))

    def _sum_started(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Sum the bottoms that are not announced to every node; all of them where all are."""
        if self.begins is None:
            return self.hierarchy.aggregate(values)
        new = self.begins > 0
        started = values.copy()
        started[new] = 0
        all_new = self.hierarchy.aggregate((~new).astype(np.float64)) == 0
        sums = self.hierarchy.aggregate(started)
        sums[all_new] = self.hierarchy.aggregate(values)[all_new]
        return sums

    def closed_ahead(self, origin: int, horizons: NDArray[np.intp]) -> NDArray[np.bool_] | None:
        """Return on which days after an origin the bottom series are closed; None if never.

        Where days are stated as open or closed, the stated days count as known for as long as
        those after the newest origin are. On other days the weekdays of the past decide. A series
        that is announced is closed until its first day.

        Returns:
            Shape (bottoms, horizons).
        """
        closed = self._closed_of_status(origin, horizons)
        if self.begins is None or origin != self.newest_origin:
            return closed
        before = horizons < self.begins[:, None]
        return before if closed is None else closed | before

    def _closed_of_status(
        self, origin: int, horizons: NDArray[np.intp]
    ) -> NDArray[np.bool_] | None:
        if self.status is None or not self._has_closed_days:
            return None
        closed = usually_closed(self.status, origin, horizons, step=self.step)
        stated = horizons <= self._stated_lead
        closed[:, stated] = self.status[:, origin + horizons[stated]] == CLOSED
        return closed

    def closed_nodes(
        self, nodes: NDArray[np.intp], origin: int, horizons: NDArray[np.intp]
    ) -> NDArray[np.bool_] | None:
        """Return on which days all bottom series of some nodes are closed; None if never.

        Returns:
            Shape (nodes, horizons).
        """
        closed = self.closed_ahead(origin, horizons)
        if closed is None:
            return None
        still_open = self.hierarchy.summing[nodes] @ ~closed
        return np.asarray(still_open == 0)

    @cached_property
    def _has_closed_days(self) -> bool:
        return self.status is not None and bool((self.status == CLOSED).any())

    @cached_property
    def _stated_lead(self) -> int:
        """Days after the newest origin up to which it is stated that series are open or closed."""
        if self.status is None or self.specification.open is None:
            return 0
        stated = (self.status[:, self.n_days :] != NOT_STATED).any(axis=0)
        return int(np.flatnonzero(stated)[-1]) + 1 if stated.any() else 0

    def past_values(self, covariate: Covariate, days: slice) -> NDArray[np.float32]:
        """Return a covariate for features of the past, shape (bottoms, days).

        Days on which a count is not known have estimates, as in `history`. Other quantities keep
        the value that was known before; where there was none they have the first of these days,
        so that none jumps when it is first known, and 0 where there is none either.
        """
        values = self._past_values[covariate.name][:, days]
        return values if covariate.kind.adds_up else carry_backward(values)

    @cached_property
    def _past_values(self) -> dict[str, NDArray[np.float32]]:
        return {
            covariate.name: self._fill_gaps(covariate)
            for covariate in self.specification.known_ahead
        }

    def _fill_gaps(self, covariate: Covariate) -> NDArray[np.float32]:
        values = self.covariates[covariate.name][:, : self.n_days]
        if covariate.kind.adds_up:
            return fill_gaps(values, step=self.step)
        return carry_forward(values)

    def planned_values(self, covariate: Covariate, days: slice) -> NDArray[np.float32]:
        """Return a covariate as it was planned, shape (bottoms, days); NaN where not known.

        Counts of past days are reconstructed (see `features.data.promotion_plan`), but not those of
        weeks; plans for days after the newest origin are returned unchanged.
        """
        known = self.covariates[covariate.name]
        values = np.array(known[:, days])
        if not covariate.kind.adds_up or self.step is Step.WEEK:
            return values
        of_site = self._plan_days[covariate.name][:, days]
        own = np.arange(days.start, days.start + of_site.shape[1])
        for column in np.flatnonzero((of_site != own).any(axis=0)):
            source = of_site[self._site_of, column]
            values[:, column] = known[np.arange(len(values)), source]
        return values

    @cached_property
    def _plan_days(self) -> dict[str, NDArray[np.intp]]:
        return {
            covariate.name: find_plan_days(
                self.covariates[covariate.name][:, : self.n_days], self._site_of
            )
            for covariate in self.specification.known_ahead
            if covariate.kind.adds_up
        }

    @property
    def lead(self) -> int:
        """Days after the newest origin up to the last on which any covariate is known."""
        return (self.facts.known_through - self.facts.origin).days // self.step.days

    @cached_property
    def plan_known(self) -> dict[str, NDArray[np.bool_]]:
        """Days after the newest origin on which a covariate is known, shape (bottoms, 90)."""
        return {
            covariate.name: ~np.isnan(self.covariates[covariate.name][:, self.n_days :])
            for covariate in self.specification.known_ahead
        }

    @cached_property
    def known_lead(self) -> dict[str, NDArray[np.intp]]:
        """Days after the newest origin up to which a covariate of all series of a node is known.

        By name, of those that are known ahead; shape (nodes,).
        """
        leads = {}
        for name, known in self.plan_known.items():
            unknown = self._sum_started(np.where(known, 0.0, 1.0)) > 0
            leads[name] = np.where(unknown.any(axis=1), unknown.argmax(axis=1), self.horizon)
        return leads

    @cached_property
    def sales_known_through(self) -> NDArray[np.intp]:
        """Index of the last day up to which the sales of each node are delivered; (nodes,)."""
        late = np.isnan(self.sales[:, -(LATE_DAYS // self.step.days) :])
        first = self.n_days - late.shape[1] + late.argmax(axis=1)
        return np.where(late.any(axis=1), first - 1, self.newest_origin)

    def index_of(self, day: date) -> int:
        """Return the position of a date on the date axis; it may lie outside."""
        return (day - self.facts.first_date).days // self.step.days

    def dates_of(self, index: int) -> set[date]:
        """Return the dates of a day, or of all days of a week."""
        first = self.date_at(index).toordinal() - self.specification.shift
        return {date.fromordinal(first + number) for number in range(self.step.days)}

    def date_at(self, index: int) -> date:
        return date.fromordinal(self.facts.first_date.toordinal() + index * self.step.days)


def load_snapshot(folder: Path) -> Snapshot:
    """Verify and map a snapshot.

    Raises:
        ArtifactError: a byte differs from what was written, or the parts do not fit together.
    """
    artifact = verify(folder, kind=KIND)
    try:
        return _assemble(artifact)
    except (OSError, ValueError, KeyError, ValidationError) as error:
        raise ArtifactError(folder, "does not hold a snapshot") from error


def _assemble(artifact: Artifact) -> Snapshot:
    folder = artifact.path

    def map_array(file: str) -> NDArray[Any]:
        # a zero-copy view without memmap's per-slice cost; the pages stay shared
        array: NDArray[Any] = np.load(folder / file, mmap_mode="r", allow_pickle=False)
        return array.view(np.ndarray)

    structure = orjson.loads((folder / HIERARCHY_FILE).read_bytes())
    specification = _read_specification(artifact, structure)
    hierarchy = Hierarchy(structure["bottoms"], specification)
    has_estimates = ESTIMATED_FILE in artifact.manifest.files
    older = SPECIFICATION_FILE not in artifact.manifest.files
    files = {
        covariate.name: f"{covariate.name}.npy" if older else covariate_file(covariate.name)
        for covariate in specification.used
    }
    snapshot = Snapshot(
        name=artifact.name,
        facts=SnapshotFacts.model_validate(artifact.facts),
        hierarchy=hierarchy,
        holidays=_read_rows(folder / HOLIDAYS_FILE, Holiday),
        sales=map_array(SALES_FILE),
        estimated=map_array(ESTIMATED_FILE) if has_estimates else None,
        status=map_array(STATUS_FILE) if STATUS_FILE in artifact.manifest.files else None,
        begins=map_array(BEGINS_FILE) if BEGINS_FILE in artifact.manifest.files else None,
        covariates={name: map_array(file) for name, file in files.items()},
    )
    days = snapshot.index_of(snapshot.facts.origin) + 1
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
        SALES_FILE: (snapshot.sales.shape, (len(hierarchy), days)),
        ESTIMATED_FILE: (snapshot.history.shape, (len(hierarchy), days)),
    }
    if snapshot.status is not None:
        shapes[STATUS_FILE] = (snapshot.status.shape, (hierarchy.n_bottom, days + snapshot.horizon))
    if snapshot.begins is not None:
        shapes[BEGINS_FILE] = (snapshot.begins.shape, (hierarchy.n_bottom,))
    for covariate in specification.used:
        shape: tuple[int, ...] = (hierarchy.n_bottom, days + snapshot.horizon)
        if not covariate.known_ahead:
            shape = (int(hierarchy.group_of(*covariate.by).max()) + 1, days)
        shapes[files[covariate.name]] = (snapshot.covariates[covariate.name].shape, shape)
    for file, (shape, expected) in shapes.items():
        if shape != expected:
            raise ArtifactError(folder / file, f"has shape {shape} instead of {expected}")
    return snapshot


def _read_specification(artifact: Artifact, structure: Mapping[str, Any]) -> Specification:
    """Return the specification of a snapshot; an older one has levels of its own at most."""
    if SPECIFICATION_FILE in artifact.manifest.files:
        text = (artifact.path / SPECIFICATION_FILE).read_bytes()
        return Specification.model_validate_json(text)
    return FAVORITA.with_levels(read_levels(structure["levels"]))


def _read_rows(path: Path, row: type[Row]) -> tuple[Row, ...]:
    rows: tuple[Row, ...] = TypeAdapter(tuple[row, ...]).validate_json(  # type: ignore[valid-type]
        path.read_bytes()
    )
    return rows


def dump_rows(path: Path, rows: Sequence[BaseModel]) -> None:
    """Write rows so that `load_snapshot` reads them back."""
    path.write_bytes(orjson.dumps([row.model_dump() for row in rows]))
