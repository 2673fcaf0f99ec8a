"""Forecasts of many nodes, in as many requests as the limits of the server take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from warnings import warn

from mlrf_client._models import Period
from mlrf_client._parsing import parse
from mlrf_client._requests import Day, Request, Steps, encode, present
from mlrf_client.answers import Forecast
from mlrf_client.errors import ApiError, MixedReleases, UnexpectedAnswer, error_of, problem_of

MAX_ITEMS = 100
MAX_BYTES = 256 * 1024 - len(b'{"predictions":[]}')
MAX_DATES = 4
"""Limits of the server on a batch: its items, the bytes of their JSON, and their past dates."""

_MEMBERS = ("node", "series", "date", "horizon", "intervals", "quantiles", "period", "adjusted")
"""Keys of a row that do not name a column of the series."""

Progress = Callable[[int, int], object]
"""Called after each request with the number of rows that are done, and that of all."""


@dataclass(frozen=True)
class _Item:
    """A forecast to request.

    Attributes:
        row: number of its row, from 0.
        size: bytes of its JSON.
    """

    row: int
    members: dict[str, Any]
    size: int

    @property
    def day(self) -> str:
        """First day, as an order and to count different ones; empty for the newest."""
        return str(self.members.get("date", ""))


def batch(
    rows: Sequence[Mapping[str, Any]],
    *,
    horizon: int | None = None,
    date: Day | None = None,
    period: Period | None = None,
    intervals: Sequence[int] | None = None,
    quantiles: Sequence[float] | None = None,
    adjusted: bool | None = None,
    chunk: int = MAX_ITEMS,
    progress: Progress | None = None,
) -> Steps[list[Forecast | ApiError]]:
    """Forecast many nodes, each with a forecast or an error of its own, in the order of rows.

    Args:
        rows: each has `node`, `series`, or a value for each column of the series; and, where it
            differs from the arguments, `horizon`, `date`, `period`, `intervals`, `quantiles` or
            `adjusted`.
        chunk: rows of a request, 1 to 100. A row costs a unit, and a request cannot cost more
            than the key's burst: a smaller one suits a small tier.
        progress: called after each request with the rows done and those of all.

    Raises:
        ValueError: a value of a row is missing.
    """
    if not 1 <= chunk <= MAX_ITEMS:
        raise ValueError(f"chunk is {chunk}; 1 to {MAX_ITEMS} is expected.")
    defaults = {
        "horizon": horizon,
        "date": date,
        "period": period,
        "intervals": intervals,
        "quantiles": quantiles,
        "adjusted": adjusted,
    }
    items = [_item_of(number, row, defaults) for number, row in enumerate(rows)]
    results: dict[int, Forecast | ApiError] = {}
    for some in _chunks(items, chunk):
        members = {"predictions": [item.members for item in some]}
        answer = yield Request("POST", "/predict/batch", members)
        results |= zip((item.row for item in some), _results_of(answer, len(some)), strict=True)
        if progress is not None:
            progress(len(results), len(items))
    ordered = [results[number] for number in range(len(items))]
    _warn_of_releases(ordered)
    return ordered


def _item_of(number: int, row: Mapping[str, Any], defaults: Mapping[str, Any]) -> _Item:
    """Return the item of a row: its members, and its other values as those of a series."""
    columns = {name: value for name, value in row.items() if name not in _MEMBERS}
    members = {name: row[name] for name in _MEMBERS if not _is_missing(row.get(name))}
    for name in [name for name, value in columns.items() if _is_missing(value)]:
        raise ValueError(
            f"Row {number}: {name} is missing. A node above the series is named by fewer "
            "columns, or by node."
        )
    if "node" in row and "node" not in members:
        raise ValueError(f"Row {number}: node is missing; the total is named total.")
    if sum(("node" in members, "series" in members, bool(columns))) != 1:
        raise ValueError(f"Row {number}: name the node by node, by series, or by columns.")
    if "horizon" not in members and defaults["horizon"] is None:
        raise ValueError(f"Row {number}: horizon is missing, and is no argument either.")
    members = present(defaults) | members | ({"series": columns} if columns else {})
    return _Item(number, members, len(encode(members)))


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _chunks(items: Sequence[_Item], most: int) -> Iterator[list[_Item]]:
    """Yield the items of each request, within the limits of the server.

    Items of one date go together, because a batch may have few dates of the past. Which dates are
    past is known to the server alone, so all are counted.
    """
    some: list[_Item] = []
    days: set[str] = set()
    size = 0
    for item in sorted(items, key=lambda item: item.day):
        days.add(item.day)
        size += item.size + 1
        if some and (len(some) == most or size > MAX_BYTES or len(days) > MAX_DATES):
            yield some
            some, days, size = [], {item.day}, item.size + 1
        some.append(item)
    if some:
        yield some


def _results_of(answer: Any, count: int) -> list[Forecast | ApiError]:
    """Return the result of each item of an answer.

    Raises:
        UnexpectedAnswer: it has another number of results.
    """
    parts = answer.get("predictions") if isinstance(answer, dict) else None
    if not isinstance(parts, list) or len(parts) != count:
        raise UnexpectedAnswer(f"The answer does not have {count} predictions, as requested.")
    return [_result_of(part) for part in parts]


def _result_of(part: Any) -> Forecast | ApiError:
    if isinstance(part, dict) and "code" in part:
        return error_of(problem_of(part, int(part.get("status", 400))))
    return parse(Forecast, part)


def _warn_of_releases(results: Sequence[Forecast | ApiError]) -> None:
    """Warn where the server has changed its release between two requests."""
    forecasts = [result for result in results if isinstance(result, Forecast)]
    releases = {(each.model_version, each.snapshot.digest) for each in forecasts}
    if len(releases) > 1:
        warn(
            f"The forecasts are of {len(releases)} releases, which need not add up: the server "
            "changed meanwhile. Repeat the batch for forecasts of one.",
            MixedReleases,
            stacklevel=2,
        )
