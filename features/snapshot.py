"""The snapshot: the retailer's data as of its newest origin, as arrays that workers map.

A snapshot is an artifact (see `artifacts`): a folder that is verified whenever it is loaded.
`features.build` makes one from tables; this module only reads, and needs no table library.
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

from artifacts import Artifact, ArtifactError, verify
from features.calendar import Calendar, Dates, Holiday, Place, build_calendar
from features.hierarchy import Hierarchy
from features.plan import days_of_plan

Row = TypeVar("Row", bound=BaseModel)

KIND = "snapshot"
MAX_HORIZON = 90
"""Days after the origin that a forecast reaches."""

SALES_FILE = "sales.npy"
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


class Facts(BaseModel):
    """What a snapshot's manifest says of the data.

    Attributes:
        demo: whether they are the built-in demo's, which end on a fixed day: their age says
            nothing. Left out of the manifest of other data.
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
        name: of the artifact; tells one snapshot from another.
        facts: first date, origin, and the last date with planned promotions.
        hierarchy: nodes and how they add up.
        stores: one per store, in the order of the arrays' store axis.
        holidays: the holidays table.
        sales: units, shape (nodes, days up to the origin), float64.
        onpromotion: items on promotion, shape (bottoms, days up to origin + 90), float32;
            NaN where not known.
        oil: price as last known each day, shape (days,), float64; NaN before the first.
        transactions: of each store, shape (stores, days), float32; NaN where not known.

    Invariants: ``sales`` of a node is the sum of its bottoms'; no array is writable.
    """

    name: str
    facts: Facts
    hierarchy: Hierarchy
    stores: tuple[StoreRow, ...]
    holidays: tuple[Holiday, ...]
    sales: NDArray[np.float64]
    onpromotion: NDArray[np.float32]
    oil: NDArray[np.float64]
    transactions: NDArray[np.float32]

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
        return build_calendar(self.dates, self.holidays, places)

    @cached_property
    def first_sale(self) -> NDArray[np.int64]:
        """Index of each node's first day with sales; `n_days` where there is none."""
        sold = self.sales > 0
        return np.where(sold.any(axis=1), sold.argmax(axis=1), self.n_days)

    @cached_property
    def selling(self) -> NDArray[np.float64]:
        """How many bottom series below each upper node sold, each day; shape (upper, days)."""
        upper = self.hierarchy.n_upper
        counts: NDArray[np.float64] = self.hierarchy.summing[:upper] @ (self.sales[upper:] > 0)
        return counts

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
        """Group of each node: bottom series of a family share one, others stand alone; (nodes,)."""
        families = self.hierarchy.bottoms["family"]
        alone = [(row, "") for row in range(self.hierarchy.n_upper)]
        keys = [*alone, *((-1, family) for family in families)]
        code = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        return np.array([code[key] for key in keys], dtype=np.intp)

    def planned(self, days: slice) -> NDArray[np.float32]:
        """Items on promotion as they were planned (see `features.plan`), shape (bottoms, days).

        What is planned for days after the newest origin is believed as it is.
        """
        items = np.array(self.onpromotion[:, days])
        of_store = self._plan[:, days]
        own = np.arange(days.start, days.start + of_store.shape[1])
        for column in np.flatnonzero((of_store != own).any(axis=0)):
            source = of_store[self._store_of, column]
            items[:, column] = self.onpromotion[np.arange(len(items)), source]
        return items

    @cached_property
    def _plan(self) -> NDArray[np.intp]:
        return days_of_plan(self.onpromotion[:, : self.n_days], self._store_of)

    @cached_property
    def _store_of(self) -> NDArray[np.intp]:
        """Number of the store of each bottom series, shape (bottoms,)."""
        row = {str(store.store_nbr): number for number, store in enumerate(self.stores)}
        return np.array([row[store] for store in self.hierarchy.bottoms["store_nbr"]])

    @property
    def promotion_lead(self) -> int:
        """Days after the newest origin for which promotions are planned."""
        return (self.facts.promotions_known_through - self.facts.origin).days

    def index_of(self, day: date) -> int:
        """Position of a date on the date axis; may lie outside it."""
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

    def mapped(file: str) -> NDArray[Any]:
        # a zero-copy view without memmap's per-slice cost; the pages stay shared
        array: NDArray[Any] = np.load(folder / file, mmap_mode="r", allow_pickle=False)
        return array.view(np.ndarray)

    structure = orjson.loads((folder / HIERARCHY_FILE).read_bytes())
    hierarchy = Hierarchy(
        structure["bottoms"],
        {level: tuple(columns) for level, columns in structure["levels"].items()},
    )
    snapshot = Snapshot(
        name=artifact.name,
        facts=Facts.model_validate(artifact.facts),
        hierarchy=hierarchy,
        stores=_rows(folder / STORES_FILE, StoreRow),
        holidays=_rows(folder / HOLIDAYS_FILE, Holiday),
        sales=mapped(SALES_FILE),
        onpromotion=mapped(PROMOTIONS_FILE),
        oil=mapped(OIL_FILE),
        transactions=mapped(TRANSACTIONS_FILE),
    )
    days = (snapshot.facts.origin - snapshot.facts.first_date).days + 1
    shapes = {
        SALES_FILE: (snapshot.sales.shape, (len(hierarchy), days)),
        PROMOTIONS_FILE: (snapshot.onpromotion.shape, (hierarchy.n_bottom, days + MAX_HORIZON)),
        OIL_FILE: (snapshot.oil.shape, (days,)),
        TRANSACTIONS_FILE: (snapshot.transactions.shape, (len(snapshot.stores), days)),
    }
    for file, (shape, expected) in shapes.items():
        if shape != expected:
            raise ArtifactError(folder / file, f"has shape {shape} instead of {expected}")
    return snapshot


def _rows(path: Path, row: type[Row]) -> tuple[Row, ...]:
    rows: tuple[Row, ...] = TypeAdapter(tuple[row, ...]).validate_json(  # type: ignore[valid-type]
        path.read_bytes()
    )
    return rows


def dump_rows(path: Path, rows: Sequence[BaseModel]) -> None:
    """Write rows so that `load_snapshot` reads them back."""
    path.write_bytes(orjson.dumps([row.model_dump() for row in rows]))
