"""Nodes that requests name by store and family."""

from __future__ import annotations

from api.http.parsing import did_you_mean, shorten
from errors import Code, FieldError, Problem
from features.data.snapshot import Snapshot
from features.data.specification import BOTTOM, TOTAL


def bottom_row(snapshot: Snapshot, store_nbr: int, family: str) -> int:
    """Return the row of a bottom series.

    Raises:
        Problem: INVALID_STORE or INVALID_FAMILY, with the names that may have been meant.
    """
    hierarchy = snapshot.hierarchy
    row = hierarchy.index.get(snapshot.specification.node_id(BOTTOM, (str(store_nbr), family)))
    if row is not None:
        return row
    if str(store_nbr) not in hierarchy.bottoms["store_nbr"]:
        raise _unknown_store(store_nbr)
    if family not in hierarchy.bottoms["family"]:
        raise _unknown_family(snapshot, family)
    raise _field_problem(
        Code.INVALID_FAMILY, "family", f"Store {store_nbr} does not carry {family!r}."
    )


def node_row(snapshot: Snapshot, store_nbr: int | None, family: str | None) -> int:
    """Return the row of a bottom series, or of a store, of a family, or of the total.

    A store or a family is meant where the other is None, the total where both are.

    Raises:
        Problem: INVALID_STORE or INVALID_FAMILY, with the names that may have been meant.
    """
    index = snapshot.hierarchy.index
    if store_nbr is not None and family is not None:
        return bottom_row(snapshot, store_nbr, family)
    if store_nbr is not None:
        if (row := index.get(f"store:{store_nbr}")) is None:
            raise _unknown_store(store_nbr)
        return row
    if family is not None:
        if (row := index.get(f"family:{family}")) is None:
            raise _unknown_family(snapshot, family)
        return row
    return index[TOTAL]


def _unknown_store(store_nbr: int) -> Problem:
    detail = f"There is no store {store_nbr}; /meta lists those there are."
    return _field_problem(Code.INVALID_STORE, "store_nbr", detail)


def _unknown_family(snapshot: Snapshot, family: str) -> Problem:
    families = dict.fromkeys(snapshot.hierarchy.bottoms["family"])
    detail = f"There is no family {shorten(family)!r}.{did_you_mean(family, families)}"
    return _field_problem(Code.INVALID_FAMILY, "family", detail)


def _field_problem(code: Code, field: str, detail: str) -> Problem:
    return Problem(code, detail, errors=[FieldError(f"/{field}", detail)])
