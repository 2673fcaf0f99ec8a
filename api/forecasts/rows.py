"""Rows of the model, built from features in a request."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any

import numpy as np
from cachetools import LRUCache, cached
from numpy.typing import NDArray

from api.http.parsing import MOST_FAULTS, did_you_mean, escape_pointer, shorten
from errors import Code, FieldError, Problem
from features.contract import HORIZON, Contract

Row = NDArray[np.float32]

Bound = NDArray[np.float64]

_MAX_FLOAT32 = float(np.finfo(np.float32).max)


def numbers_of(values: Sequence[Any]) -> NDArray[np.float64] | None:
    """Return JSON values as an array, NaN for null; None if one is neither a number nor null.

    A whole number that is too large for a float becomes infinite.
    """
    if not set(map(type, values)) <= {int, float, NoneType}:
        return None
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError:
        return np.array([math.nan if v is None else _as_float(v) for v in values])


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def whole_row(
    contract: Contract, features: Sequence[Any] | Mapping[str, Any], *, reach: int
) -> Row:
    """Return a row from all of its features: an array in the contract's order, or every name.

    Args:
        reach: the last horizon that the model forecasts.

    Raises:
        Problem: INVALID_FEATURES, with what is expected.
    """
    names = contract.names
    if isinstance(features, Mapping):
        if missing := [name for name in names if name not in features]:
            listed = ", ".join(missing[:5]) + (" and others" if len(missing) > 5 else "")
            raise _features_problem(
                [
                    FieldError(
                        "/features",
                        f"{len(missing)} of {len(names)} features are missing ({listed}). Give all "
                        "of them, or store_nbr, family and date, from which the rest is taken",
                    )
                ]
            )
        zeros = np.zeros(len(names), dtype=np.float32)
        return fill_row(contract, features, zeros, reach=reach)
    if len(features) != len(names):
        detail = (
            f"The array has {len(features)} values; {len(names)} are expected, in the order of "
            "the features of /meta"
        )
        raise _features_problem([FieldError("/features", detail)])
    numbers = numbers_of(features)
    if numbers is not None and _is_valid_row(contract, numbers, reach):
        return numbers.astype(np.float32)
    return _override_columns(
        contract,
        dict(enumerate(features)),
        np.zeros(len(names), dtype=np.float32),
        reach=reach,
    )


def _is_valid_row(contract: Contract, row: NDArray[np.float64], reach: int) -> bool:
    """Return whether `_parse_value` would accept every number of a row, checked as arrays."""
    least, most, whole = _column_bounds(contract.digest, contract, reach)
    missing = np.isnan(row)
    inside = (row >= least) & (row <= most) & (~whole | (row == np.floor(row)))
    return bool((inside | missing).all()) and not missing[contract.horizon_column]


@cached(LRUCache(8), key=lambda digest, contract, reach: (digest, reach))
def _column_bounds(
    digest: str, contract: Contract, reach: int
) -> tuple[Bound, Bound, NDArray[np.bool_]]:
    """Return the least and largest value of each column, and whether it must be whole."""
    least, most = (
        np.full(len(contract.names), -_MAX_FLOAT32),
        np.full(len(contract.names), _MAX_FLOAT32),
    )
    whole = np.zeros(len(contract.names), dtype=bool)
    limits = {name: (-1, len(known) - 1) for name, known in contract.categories.items()}
    limits[HORIZON] = (1, reach)
    for name, (low, high) in limits.items():
        column = contract.names.index(name)
        least[column], most[column], whole[column] = low, high, True
    return least, most, whole


def fill_row(contract: Contract, features: Mapping[str, Any], base: Row, *, reach: int) -> Row:
    """Return the row `base` with the values of some names replaced.

    Args:
        reach: the last horizon that the model forecasts.

    Raises:
        Problem: INVALID_FEATURES, with the names that may have been meant.
    """
    known = {name: column for column, name in enumerate(contract.names)}
    if unknown := [name for name in features if name not in known]:
        raise _features_problem(
            [
                FieldError(
                    f"/features/{escape_pointer(shorten(name))}",
                    f"There is no such feature.{did_you_mean(name, known)}",
                )
                for name in unknown[:MOST_FAULTS]
            ]
        )
    return _override_columns(
        contract,
        {known[name]: value for name, value in features.items()},
        base,
        reach=reach,
        by_name=True,
    )


def _override_columns(
    contract: Contract,
    values: Mapping[int, Any],
    base: Row,
    *,
    reach: int,
    by_name: bool = False,
) -> Row:
    row, faults = base.copy(), []
    for column, value in values.items():
        name = contract.names[column]
        try:
            row[column] = _parse_value(contract, name, value, reach)
        except ValueError as error:
            faults.append(FieldError(f"/features/{name if by_name else column}", str(error)))
    if faults:
        raise _features_problem(faults)
    return row


def _parse_value(contract: Contract, name: str, value: Any, reach: int) -> float:
    """Return a value as the model takes it: NaN for null, the code of a category's name.

    Raises:
        ValueError: the column does not take the value, with the text for the caller.
    """
    if value is None and name != HORIZON:
        return math.nan
    if isinstance(value, str) and name in contract.categories:
        known = dict.fromkeys(contract.categories[name])
        if value not in known:
            raise ValueError(f"There is no {name} {shorten(value)!r}.{did_you_mean(value, known)}")
        return float(contract.code(name, [value])[0])
    if isinstance(value, bool) or not isinstance(value, int | float):
        expected = "a number, a name or null" if name in contract.categories else "a number or null"
        expected = "a whole number" if name == HORIZON else expected
        raise ValueError(f"{name} must be {expected}")
    if abs(value) > _MAX_FLOAT32:  # an infinite value too
        raise ValueError(f"{name} must be a float32, at most {_MAX_FLOAT32:.3g}")
    if name == HORIZON and (value != int(value) or not 1 <= value <= reach):
        raise ValueError(f"horizon must be a whole number, 1 to {reach}")
    if name in contract.categories and value not in range(-1, len(contract.categories[name])):
        raise ValueError(f"{name} is the name of one, or its code in the model, -1 where it is new")
    return float(value)


def _features_problem(faults: Sequence[FieldError]) -> Problem:
    faults = faults[:MOST_FAULTS]
    detail = "; ".join(f"{fault.pointer}: {fault.detail.rstrip('.')}" for fault in faults)
    return Problem(Code.INVALID_FEATURES, f"{detail}.", errors=faults)
