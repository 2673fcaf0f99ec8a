"""Which node a request means."""

from __future__ import annotations

from api.parsing import nearest
from errors import Code, FieldError, Problem
from features.hierarchy import bottom_id
from features.snapshot import Snapshot


def bottom_row(snapshot: Snapshot, store_nbr: int, family: str) -> int:
    """Row of a bottom series.

    Raises:
        Problem: INVALID_STORE or INVALID_FAMILY, with the names that may have been meant.
    """
    hierarchy = snapshot.hierarchy
    row = hierarchy.index.get(bottom_id(store_nbr, family))
    if row is not None:
        return row
    stores = dict.fromkeys(hierarchy.bottoms["store_nbr"])
    families = dict.fromkeys(hierarchy.bottoms["family"])
    if str(store_nbr) not in stores:
        raise _unknown(
            Code.INVALID_STORE,
            "store_nbr",
            f"There is no store {store_nbr}; /hierarchy lists those there are.",
        )
    if family not in families:
        raise _unknown(
            Code.INVALID_FAMILY,
            "family",
            f"There is no family {family!r}.{nearest(family, families)}",
        )
    raise _unknown(Code.INVALID_FAMILY, "family", f"Store {store_nbr} does not carry {family!r}.")


def _unknown(code: Code, field: str, detail: str) -> Problem:
    return Problem(code, detail, errors=[FieldError(f"/{field}", detail)])
