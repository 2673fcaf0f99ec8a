"""Intervals and quantiles in answers: members of JSON, and columns of tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from api.http.tables import Column, ColumnKind
from api.schemas.requests import ForecastRequest, HierarchyQuery, SimpleRequest
from models.intervals import MAX_NOMINAL, MIN_NOMINAL
from models.uncertainty import Uncertainty

_QUANTILE = "quantile_"


def uncertainty_of(payload: SimpleRequest | ForecastRequest | HierarchyQuery) -> Uncertainty:
    """Return the intervals and quantiles that a request wants."""
    return Uncertainty(payload.intervals, payload.quantiles)


def bound_names(nominals: Sequence[int]) -> tuple[str, ...]:
    """Return the names of the bounds of intervals, such as `lower_80`."""
    return tuple(f"{side}_{nominal}" for nominal in nominals for side in ("lower", "upper"))


def number_names(wanted: Uncertainty) -> tuple[str, ...]:
    """Return the names of all numbers, such as `lower_80` or `quantile_0.1`."""
    quantiles = (f"{_QUANTILE}{probability}" for probability in wanted.probabilities)
    return (*bound_names(wanted.nominals), *quantiles)


def number_columns(wanted: Uncertainty) -> tuple[Column, ...]:
    """Return the columns of all numbers."""
    return tuple(Column(name, ColumnKind.NUMBER) for name in number_names(wanted))


_EVERY_BOUND = frozenset(bound_names(range(MIN_NOMINAL, MAX_NOMINAL + 1)))


def is_number_name(name: str) -> bool:
    """Return whether a column of this name may be one of a bound or a quantile."""
    return name in _EVERY_BOUND or name.startswith(_QUANTILE)


def lists_builder(wanted: Uncertainty) -> Callable[[Sequence[Any]], dict[str, Any]]:
    """Return the function that builds the members `intervals` and `quantiles` from the numbers.

    Without any quantile there is no member for them: requests that do not want them get what they
    got before there were any.
    """
    bounds = [(nominal, 2 * at) for at, nominal in enumerate(wanted.nominals)]
    quantiles = [*enumerate(wanted.probabilities, 2 * len(bounds))]

    def build_lists(numbers: Sequence[Any]) -> dict[str, Any]:
        members = {
            "intervals": [
                {"level": nominal, "lower": numbers[at], "upper": numbers[at + 1]}
                for nominal, at in bounds
            ]
        }
        if quantiles:
            members["quantiles"] = [
                {"probability": probability, "value": numbers[at]} for at, probability in quantiles
            ]
        return members

    return build_lists
