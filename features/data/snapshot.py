"""The snapshot: the retailer's data as of its newest origin, as memory-mapped arrays.

A snapshot is an artifact (see `artifacts`): a folder that is verified whenever it is loaded.
`features.data.build` builds one from tables; this module only reads, and needs no table library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from features.data.calendar import Calendar, Dates, Holiday, Place, build_calendar
from features.data.hierarchy import Hierarchy
from features.data.history import without_gaps
from features.data.promotion_plan import find_plan_days
from storage.artifacts import Artifact, ArtifactError, verify

Row = TypeVar("Row", bound=BaseModel)
Floats = NDArray[np.float64]

KIND = "snapshot"
MAX_HORIZON = 90
"""Days after the origin that a forecast reaches."""
LATE_DAYS = 14
"""Days before the newest origin whose sales may not be delivered yet (see
`features.data.delivery`)."""

SALES_FILE = "sales.npy"
ESTIMATED_FILE = "estimated.npy"
"""Present only if features read other sales than those of the tables (see
`features.data.history`)."""
PROMOTIONS_FILE = "onpromotion.npy"
OIL_FILE = "oil.npy"
TRANSACTIONS_FILE = "transactions.npy"
STORES_FILE = "stores.json"
HOLIDAYS_FILE = "holidays.json"
HIERARCHY_FILE = "hierarchy.json"


class StoreRow(BaseModel):
    """One row of the retailer's stores table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store_nbr: int
    city: str
    state: str
    type: str
    cluster: str


class SnapshotFacts(BaseModel):
    """Facts about the data in a snapshot's manifest.

    Attributes:
        demo: whether the data are the built-in demo's, which end on a fixed day, so that their
            age means nothing. Absent from the manifest of other data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_date: date
    origin: date
    promotions_known_through: date
    demo: bool = False


@dataclass(frozen=True)
class Snapshot:
    """Panel, covariates, calendar and hierarchy as of the newest origin.

    Attributes:
        name: of the artifact; unique by content.
        facts: first date, origin, and the last date with planned promotions.
        hierarchy: nodes and how they add up.
        stores: one per store, in the order of the arrays' store axis.
        holidays: the holidays table.
        sales: units as the tables have them, shape (nodes, days up to the origin), float64; NaN
            where not delivered yet, and for a node above where a part is not.
        onpromotion: items on promotion, shape (bottoms, days up to origin + 90), float32;
            NaN where not known.
        oil: price as last known each day, shape (days,), float64; NaN before the first.
        transactions: of each store, shape (stores, days), float32; NaN where not known.
        estimated: ``sales`` with estimates in place of undelivered days and outliers (see
            `features.data.history`), of the same shape; None where there are neither.

    Invariants: ``sales`` and ``estimated`` of a node are the sums of its bottoms'; ``estimated``
    has no NaN; no array is writable.
    """

    name: str
    facts: SnapshotFacts
    hierarchy: Hierarchy
    stores: tuple[StoreRow, ...]
    holidays: tuple[Holiday, ...]
    sales: NDArray[np.float64]
    onpromotion: NDArray[np.float32]
    oil: NDArray[np.float64]
    transactions: NDArray[np.float32]
    estimated: NDArray[np.float64] | None = None

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
        """All days from the first to 90 after the newest origin."""
        return np.datetime64(self.facts.first_date) + np.arange(self.n_days + MAX_HORIZON)

    @cached_property
    def calendar(self) -> Calendar:
        places = [Place(city=store.city, state=store.state) for store in self.stores]
        return build_calendar(self.dates, self.holidays, places, known=self.n_days)

    @cached_property
    def first_sale(self) -> NDArray[np.int64]:
        """Index of each node's first day with sales; `n_days` where there is none."""
        sold = self.history > 0
        return np.where(sold.any(axis=1), sold.argmax(axis=1), self.n_days)

    @cached_property
    def selling(self) -> NDArray[np.float64]:
        """Number of bottom series below each upper node that sold, by day; shape (upper, days)."""
        upper = self.hierarchy.n_upper
        counts: NDArray[np.float64] = self.hierarchy.summing[:upper] @ (self.history[upper:] > 0)
        return counts

    def targets(self, nodes: NDArray[np.intp] | slice, days: NDArray[np.intp]) -> Floats:
        """Return the sales that training and scoring may use, shape (nodes, days).

        NaN where they are not delivered or contain an outlier.
        """
        rows = np.arange(len(self.hierarchy))[nodes] if isinstance(nodes, slice) else nodes
        cells = np.ix_(rows, days)
        sales = self.sales[cells]
        if self.estimated is None:
            return sales
        return np.where(sales == self.estimated[cells], sales, np.nan)

    def past_promotions(self, days: slice) -> NDArray[np.float32]:
        """Return items on promotion for features of the past, shape (bottoms, days).

        Estimates replace days on which they are not known, as in `history`.
        """
        return self._past_promotions[:, days]

    @cached_property
    def _past_promotions(self) -> NDArray[np.float32]:
        return without_gaps(self.onpromotion[:, : self.n_days])

    @cached_property
    def store_share(self) -> NDArray[np.float64]:
        """Share of each store in each node's bottom series; shape (nodes, stores)."""
        members = np.zeros((self.hierarchy.n_bottom, len(self.stores)))
        members[np.arange(len(members)), self._store_of] = 1
        counts = self.hierarchy.aggregate(members)
        shares: NDArray[np.float64] = counts / counts.sum(axis=1, keepdims=True)
        return shares

    @cached_property
    def family_group(self) -> NDArray[np.intp]:
        """Group of each node, shape (nodes,): bottoms are grouped by family, others are single."""
        families = self.hierarchy.bottoms["family"]
        upper_keys = [(row, "") for row in range(self.hierarchy.n_upper)]
        keys = [*upper_keys, *((-1, family) for family in families)]
        code = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        return np.array([code[key] for key in keys], dtype=np.intp)

    def planned_promotions(self, days: slice) -> NDArray[np.float32]:
        """Return items on promotion as planned, shape (bottoms, days); NaN where not known.

        Past days are reconstructed (see `features.data.promotion_plan`); plans for days after the
        newest origin are returned unchanged.
        """
        items = np.array(self.onpromotion[:, days])
        of_store = self._plan_days[:, days]
        own = np.arange(days.start, days.start + of_store.shape[1])
        for column in np.flatnonzero((of_store != own).any(axis=0)):
            source = of_store[self._store_of, column]
            items[:, column] = self.onpromotion[np.arange(len(items)), source]
        return items

    @cached_property
    def _plan_days(self) -> NDArray[np.intp]:
        return find_plan_days(self.onpromotion[:, : self.n_days], self._store_of)

    @cached_property
    def _store_of(self) -> NDArray[np.intp]:
        """Number of the store of each bottom series, shape (bottoms,)."""
        row = {str(store.store_nbr): number for number, store in enumerate(self.stores)}
        return np.array([row[store] for store in self.hierarchy.bottoms["store_nbr"]])

    @property
    def promotion_lead(self) -> int:
        """Days after the newest origin up to the last for which any promotion is planned."""
        return (self.facts.promotions_known_through - self.facts.origin).days

    @cached_property
    def plan_known(self) -> NDArray[np.bool_]:
        """Days after the newest origin with planned promotions, shape (bottoms, 90)."""
        return ~np.isnan(self.onpromotion[:, self.n_days :])

    @cached_property
    def known_lead(self) -> NDArray[np.intp]:
        """Days after the newest origin up to which all promotions of a node are planned.

        Shape (nodes,). For an upper node, the least of its series.
        """
        unknown = self.hierarchy.aggregate(np.where(self.plan_known, 0.0, 1.0)) > 0
        return np.where(unknown.any(axis=1), unknown.argmax(axis=1), MAX_HORIZON)

    @cached_property
    def sales_known_through(self) -> NDArray[np.intp]:
        """Index of the last day up to which the sales of each node are delivered; (nodes,)."""
        late = np.isnan(self.sales[:, -LATE_DAYS:])
        first = self.n_days - late.shape[1] + late.argmax(axis=1)
        return np.where(late.any(axis=1), first - 1, self.newest_origin)

    def index_of(self, day: date) -> int:
        """Return the position of a date on the date axis; it may lie outside."""
        return (day - self.facts.first_date).days

    def date_at(self, index: int) -> date:
        return date.fromordinal(self.facts.first_date.toordinal() + index)


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
    hierarchy = Hierarchy(
        structure["bottoms"],
        {level: tuple(columns) for level, columns in structure["levels"].items()},
    )
    has_estimates = ESTIMATED_FILE in artifact.manifest.files
    snapshot = Snapshot(
        name=artifact.name,
        facts=SnapshotFacts.model_validate(artifact.facts),
        hierarchy=hierarchy,
        stores=_read_rows(folder / STORES_FILE, StoreRow),
        holidays=_read_rows(folder / HOLIDAYS_FILE, Holiday),
        sales=map_array(SALES_FILE),
        estimated=map_array(ESTIMATED_FILE) if has_estimates else None,
        onpromotion=map_array(PROMOTIONS_FILE),
        oil=map_array(OIL_FILE),
        transactions=map_array(TRANSACTIONS_FILE),
    )
    days = (snapshot.facts.origin - snapshot.facts.first_date).days + 1
    shapes = {
        SALES_FILE: (snapshot.sales.shape, (len(hierarchy), days)),
        ESTIMATED_FILE: (snapshot.history.shape, (len(hierarchy), days)),
        PROMOTIONS_FILE: (snapshot.onpromotion.shape, (hierarchy.n_bottom, days + MAX_HORIZON)),
        OIL_FILE: (snapshot.oil.shape, (days,)),
        TRANSACTIONS_FILE: (snapshot.transactions.shape, (len(snapshot.stores), days)),
    }
    for file, (shape, expected) in shapes.items():
        if shape != expected:
            raise ArtifactError(folder / file, f"has shape {shape} instead of {expected}")
    return snapshot


def _read_rows(path: Path, row: type[Row]) -> tuple[Row, ...]:
    rows: tuple[Row, ...] = TypeAdapter(tuple[row, ...]).validate_json(  # type: ignore[valid-type]
        path.read_bytes()
    )
    return rows


def dump_rows(path: Path, rows: Sequence[BaseModel]) -> None:
    """Write rows so that `load_snapshot` reads them back."""
    path.write_bytes(orjson.dumps([row.model_dump() for row in rows]))
