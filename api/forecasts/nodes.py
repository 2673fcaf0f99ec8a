"""Nodes that requests name: by their id, by the values of columns, or by store and family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from api.http.parsing import did_you_mean, escape_pointer, shorten
from api.schemas.requests import ForecastRequest, SimpleRequest
from errors import Code, FieldError, Problem
from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from features.data.specification import BOTTOM, TOTAL
from telemetry import spans

_STORE, _FAMILY = "store_nbr", "family"
"""Columns that requests of the replaced system's clients name series by."""


class NamesNode(Protocol):
    """A request that names a node."""

    @property
    def node(self) -> str | None: ...
    @property
    def series(self) -> Mapping[str, int | str] | None: ...
    @property
    def store_nbr(self) -> int | None: ...
    @property
    def family(self) -> str | None: ...


class RequestedNode(NamedTuple):
    """A requested node, and its row in the hierarchy."""

    payload: SimpleRequest | ForecastRequest
    row: int


def node_row(snapshot: Snapshot, request: NamesNode) -> int:
    """Return the row of the node that a request names; the total's if it names none.

    Raises:
        Problem: INVALID_NODE, INVALID_STORE or INVALID_FAMILY, with the names that may have been
            meant; INVALID_REQUEST if the node is named in two ways.
    """
    by_name = request.store_nbr is not None or request.family is not None
    if sum((request.node is not None, request.series is not None, by_name)) > 1:
        detail = "Name the node in one way: by node, by series, or by store_nbr and family"
        raise Problem.in_field(Code.INVALID_REQUEST, "/node", detail)
    if request.node is not None:
        return row_of_id(snapshot.hierarchy, request.node)
    if request.series is not None:
        return row_of_values(snapshot, request.series)
    return _row_of_store(snapshot, request.store_nbr, request.family)


def requested_row(snapshot: Snapshot, request: NamesNode) -> int:
    """Return the row of the node that a whole request is about, and put its level in the trace.

    Raises:
        Problem: see `node_row`.
    """
    row = node_row(snapshot, request)
    spans.request_span().set({"mlrf.level": snapshot.hierarchy.nodes[row].level})
    return row


def row_of_id(hierarchy: Hierarchy, node: str, pointer: str = "/node") -> int:
    """Return the row of a node by its id.

    Raises:
        Problem: INVALID_NODE, with the ids that may have been meant.
    """
    index = hierarchy.index
    row = index.get(node)
    if row is None:
        example = next((each for each in index if each != TOTAL), TOTAL)
        hint = did_you_mean(node, index) or f" An id is such as {example!r}."
        detail = f"There is no node {shorten(node)!r}.{hint}"
        raise Problem(Code.INVALID_NODE, detail, errors=[FieldError(pointer, detail)])
    return row


def rows_of_level(
    hierarchy: Hierarchy, level: str | None, pointer: str = "level"
) -> NDArray[np.intp]:
    """Return the rows of the nodes of a level, or of all nodes for None.

    Args:
        pointer: to `level` in the request.

    Raises:
        Problem: INVALID_REQUEST, with the levels that there are.
    """
    if level is None:
        return np.arange(len(hierarchy))
    rows = hierarchy.slices.get(level)
    if rows is None:
        detail = f"There is no level {shorten(level)!r}; there is {', '.join(hierarchy.slices)}."
        raise Problem.in_field(Code.INVALID_REQUEST, pointer, detail)
    return np.arange(rows.start, rows.stop)


def row_of_values(
    snapshot: Snapshot, values: Mapping[str, int | str], *, level: str | None = None
) -> int:
    """Return the row of the node with these values of the columns of its level.

    Args:
        level: that the node must be of; any by default.

    Raises:
        Problem: INVALID_NODE: there is no such level, or no such value.
    """
    hierarchy = snapshot.hierarchy
    by_columns = {frozenset(columns): name for name, columns in hierarchy.levels.items()}
    name = by_columns.get(frozenset(values))
    if name is None or level not in (None, name):
        wanted = [hierarchy.levels[level]] if level else hierarchy.levels.values()
        offered = " or ".join(f"({', '.join(columns)})" for columns in wanted if columns)
        listed = ", ".join(map(shorten, values)) or "no column at all"
        what = f"The level {level} does not have" if level else "No level has"
        detail = f"{what} just the columns {listed}; give {offered}."
        raise Problem(Code.INVALID_NODE, detail, errors=[FieldError("/series", detail)])
    row = hierarchy.find(name, tuple(str(values[column]) for column in hierarchy.levels[name]))
    if row is not None:
        return row
    for column in values:
        value, known = str(values[column]), hierarchy.bottoms[column]
        if value not in known:
            hint = did_you_mean(value, dict.fromkeys(known))
            detail = f"There is no {column} {shorten(value)!r}.{hint}"
            pointer = f"/series/{escape_pointer(column)}"
            raise Problem(Code.INVALID_NODE, detail, errors=[FieldError(pointer, detail)])
    pairs = ", ".join(f"{column} {shorten(str(value))!r}" for column, value in values.items())
    detail = f"No series has {pairs} together."
    raise Problem(Code.INVALID_NODE, detail, errors=[FieldError("/series", detail)])


def bottom_row(snapshot: Snapshot, store_nbr: int, family: str) -> int:
    """Return the row of a bottom series by its store and family.

    Raises:
        Problem: INVALID_STORE or INVALID_FAMILY, with the names that may have been meant.
    """
    _check_columns(snapshot)
    hierarchy = snapshot.hierarchy
    row = hierarchy.find(BOTTOM, (str(store_nbr), family))
    if row is not None:
        return row
    if str(store_nbr) not in hierarchy.bottoms[_STORE]:
        raise _unknown_store(store_nbr)
    if family not in hierarchy.bottoms[_FAMILY]:
        raise _unknown_family(snapshot, family)
    raise Problem.in_field(
        Code.INVALID_FAMILY, f"/{_FAMILY}", f"Store {store_nbr} does not carry {family!r}"
    )


def _row_of_store(snapshot: Snapshot, store_nbr: int | None, family: str | None) -> int:
    """Return the row of a bottom series, or of a store, of a family, or of the total.

    A store or a family is meant where the other is None, the total where both are.
    """
    if store_nbr is not None and family is not None:
        return bottom_row(snapshot, store_nbr, family)
    if store_nbr is None and family is None:
        return snapshot.hierarchy.index[TOTAL]
    _check_columns(snapshot)
    if store_nbr is not None:
        if str(store_nbr) not in snapshot.hierarchy.bottoms[_STORE]:
            raise _unknown_store(store_nbr)
        return row_of_values(snapshot, {_STORE: store_nbr})
    assert family is not None
    if family not in snapshot.hierarchy.bottoms[_FAMILY]:
        raise _unknown_family(snapshot, family)
    return row_of_values(snapshot, {_FAMILY: family})


def _check_columns(snapshot: Snapshot) -> None:
    """Refuse store and family where the series have other columns."""
    series = snapshot.specification.series
    if series != (_STORE, _FAMILY):
        bottoms = snapshot.hierarchy.bottoms
        first = {column: bottoms[column][0] for column in series}
        example = orjson.dumps({"series": first}).decode()
        detail = (
            f"Series are named by {', '.join(series)} here, not by store_nbr and family. Name them "
            f"in series, which /forecast takes in the place of /predict/simple: {example}"
        )
        raise Problem.in_field(Code.INVALID_STORE, f"/{_STORE}", detail)


def _unknown_store(store_nbr: int) -> Problem:
    detail = f"There is no store {store_nbr}; /meta lists those there are."
    return _field_problem(Code.INVALID_STORE, _STORE, detail)


def _unknown_family(snapshot: Snapshot, family: str) -> Problem:
    families = dict.fromkeys(snapshot.hierarchy.bottoms[_FAMILY])
    detail = f"There is no family {shorten(family)!r}.{did_you_mean(family, families)}"
    return _field_problem(Code.INVALID_FAMILY, _FAMILY, detail)


def _field_problem(code: Code, field: str, detail: str) -> Problem:
    return Problem(code, detail, errors=[FieldError(f"/{field}", detail)])
