"""The operations: the requests that each sends, and its result from their answers.

Those of a node take its id (`node`), or the values of its level's columns: as keyword arguments,
such as ``shop="A1", item="tea"``, or as a mapping (`series`) where a column's name is that of
another argument. Without any of them the node is the total. `Client.meta` lists the columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from mlrf_client._models import (
    AccuracyAnswer,
    CallerAnswer,
    DeviationKind,
    ExceptionsAnswer,
    HealthAnswer,
    MetaAnswer,
    MetricsAnswer,
    NodeAccuracyAnswer,
    Order,
    Period,
    RowAnswer,
    YearBeforeAnswer,
)
from mlrf_client._parsing import parse
from mlrf_client._requests import Day, Request, Steps, name_node
from mlrf_client.answers import Explanation, Forecast, Hierarchy, History, Scenario
from mlrf_client.errors import UnexpectedAnswer

Value = str | int
"""Value of a column of the series."""

_DAYS_OF_A_PAGE = 1000


def forecast(
    *,
    horizon: int,
    node: str | None = None,
    date: Day | None = None,
    period: Period | None = None,
    intervals: Sequence[int] | None = None,
    quantiles: Sequence[float] | None = None,
    adjusted: bool | None = None,
    series: Mapping[str, Value] | None = None,
    **columns: Value,
) -> Steps[Forecast]:
    """Forecast a node of any level, day by day.

    Args:
        horizon: days to forecast, 1 to 90.
        date: first day; the day after the newest sales if left out. A past day is forecast as of
            the day before it.
        period: days to add up beside each day, for `Forecast.sums`.
        intervals: nominal coverage in percent, each from 50 to 99; 80 and 95 if left out.
        quantiles: probabilities from 0.005 to 0.995, such as 0.9; none if left out.
        adjusted: whether predictions have the standing overrides of planners.
    """
    members = {
        "date": date,
        "horizon": horizon,
        "intervals": intervals,
        "quantiles": quantiles,
        "period": period,
        "adjusted": adjusted,
    }
    answer = yield Request("POST", "/forecast", name_node(node, series, columns) | members)
    return parse(Forecast, answer)


def hierarchy(
    *,
    by: str | None = None,
    horizon: int | None = None,
    date: Day | None = None,
    node: str | None = None,
    depth: int | None = None,
    intervals: Sequence[int] = (),
    quantiles: Sequence[float] = (),
    previous: Literal["period", "year"] | None = None,
    adjusted: bool | None = None,
) -> Steps[Hierarchy]:
    """Forecast the tree of nodes below one, whose predictions add up.

    Args:
        by: levels between the total and the series, such as ``region/shop``; the first that
            `Client.meta` lists if left out.
        horizon: days to add up; one if left out.
        node: id of the root; the total if left out.
        depth: levels below the root; all if left out.
        intervals: nominal coverage in percent, each from 50 to 99; none if left out.
        quantiles: probabilities from 0.005 to 0.995, such as 0.9; none if left out.
        previous: earlier period of the same weekdays to compare with: ``period``, the newest that
            was over by then, also if left out; ``year``, 52 weeks before.
        adjusted: whether predictions have the standing overrides of planners.
    """
    members = {"by": by, "date": date, "depth": depth, "horizon": horizon, "node": node}
    members |= {
        "previous": previous,
        "adjusted": adjusted,
        "intervals": ",".join(map(str, intervals)) or None,
        "quantiles": ",".join(map(str, quantiles)) or None,
    }
    return parse(Hierarchy, (yield Request("GET", "/hierarchy", members)))


def explain(
    *,
    node: str | None = None,
    date: Day | None = None,
    horizon: int | None = None,
    against: Day | None = None,
    against_horizon: int | None = None,
    series: Mapping[str, Value] | None = None,
    **columns: Value,
) -> Steps[Explanation]:
    """Explain a forecast by the contributions of its features.

    Args:
        date: first day; the day after the newest sales if left out.
        horizon: days to add up; one if left out.
        against: first day of a reference, whose difference is explained too; none if left out.
        against_horizon: days of the reference; as many as `horizon` if left out. A single day may
            be compared with the mean of any number.
    """
    members = {"date": date, "horizon": horizon}
    members |= {"against": against, "against_horizon": against_horizon}
    answer = yield Request("POST", "/explain", name_node(node, series, columns) | members)
    return parse(Explanation, answer)


def whatif(
    *,
    horizon: int,
    adjustments: Mapping[str, Mapping[str, Any] | float | str | None],
    node: str | None = None,
    date: Day | None = None,
    by: str | None = None,
    depth: int | None = None,
    series: Mapping[str, Value] | None = None,
    **columns: Value,
) -> Steps[Scenario]:
    """Compare a node's forecast with one in which covariates are other than planned.

    Args:
        adjustments: by covariate: a value that is set on all days, or a mapping of `op` (``set``,
            ``add`` or ``multiply``), `value`, and the days `from` and `to`.
        by: levels between the node and its series, for the children in the answer.
        depth: levels of children; one if left out.
    """
    # None in `adjustments` is a value, a day that is no holiday, and is sent as null.
    members: dict[str, Any] = {"adjustments": adjustments, "by": by, "date": date, "depth": depth}
    members |= name_node(node, series, columns) | {"horizon": horizon}
    return parse(Scenario, (yield Request("POST", "/whatif", members)))


def historical(
    *,
    node: str | None = None,
    first: Day | None = None,
    last: Day | None = None,
    series: Mapping[str, Value] | None = None,
    **columns: Value,
) -> Steps[History]:
    """Return what was sold of a node, with the covariates that are known ahead.

    All pages of the answer are read.

    Args:
        first: 89 days before the last if left out.
        last: the newest day if left out.

    Raises:
        UnexpectedAnswer: the server's data changed between two pages.
    """
    members: dict[str, Any] = {"from": first, "to": last, "limit": _DAYS_OF_A_PAGE}
    members |= name_node(node, series, columns)
    history = page = parse(History, (yield Request("POST", "/historical", members)))
    while page.next is not None:
        members["from"] = page.next
        page = parse(History, (yield Request("POST", "/historical", members)))
        if page.snapshot != history.snapshot:
            raise UnexpectedAnswer("The server's data changed between two pages; ask again.")
        history = replace(history, days=history.days + page.days, next=page.next)
    return history


def predict(
    features: Sequence[Any] | Mapping[str, Any],
    *,
    date: Day | None = None,
    series: Mapping[str, Value] | None = None,
    **columns: Value,
) -> Steps[RowAnswer]:
    """Return the model's output for one row of features: a base forecast, not reconciled.

    Args:
        features: the whole row in the order of `Client.meta`, or names and values. With a series,
            the other values are taken from the data.
    """
    members = {**name_node(None, series, columns), "date": date, "features": features}
    return parse(RowAnswer, (yield Request("POST", "/predict", members)))


def accuracy(
    *,
    window: int | None = None,
    level: str | None = None,
    node: str | None = None,
    daily: bool = False,
    bundle: str | None = None,
) -> Steps[AccuracyAnswer]:
    """Return how good past forecasts were, by level and days ahead.

    Args:
        window: newest days, 1 to 400, to measure the forecasts that were served on too; only what
            the model has recorded if left out. The others need it.
        level: whose nodes are listed one by one.
        node: above the series, whose own forecasts and those of the series below are listed.
        daily: list each day too.
        bundle: name of the model; the active one if left out.
    """
    members = {"window": window, "level": level, "node": node, "bundle": bundle}
    members |= {"daily": daily or None}
    return parse(AccuracyAnswer, (yield Request("GET", "/accuracy", members)))


def accuracy_by_series(
    *,
    level: str | None = None,
    horizon: int | None = None,
    order: Order | None = None,
    limit: int | None = None,
    offset: int | None = None,
) -> Steps[NodeAccuracyAnswer]:
    """Return the errors of single nodes in a forecast of the last known days.

    Args:
        level: of the nodes; the series if left out.
        horizon: days to forecast and compare; four weeks if left out.
        order: ``hard`` (if left out), ``easy`` or ``units``.
        limit: nodes, 1 to 500; 50 if left out.
        offset: nodes of the order to leave out; none if left out.
    """
    members = {"horizon": horizon, "level": level, "limit": limit, "order": order}
    members |= {"offset": offset}
    return parse(NodeAccuracyAnswer, (yield Request("GET", "/accuracy/series", members)))


def exceptions(
    *,
    horizon: int | None = None,
    level: str | None = None,
    kind: DeviationKind | None = None,
    limit: int | None = None,
) -> Steps[ExceptionsAnswer]:
    """Return the nodes to look at first in the forecast from the newest sales.

    Args:
        horizon: days ahead; four weeks if left out.
        level: of the nodes; all if left out.
        kind: of exceptions; all if left out.
        limit: entries, 1 to 500; 50 if left out.
    """
    members = {"horizon": horizon, "kind": kind, "level": level, "limit": limit}
    return parse(ExceptionsAnswer, (yield Request("GET", "/exceptions", members)))


def year_before(
    *,
    node: str | None = None,
    date: Day | None = None,
    horizon: int | None = None,
    adjusted: bool | None = None,
) -> Steps[YearBeforeAnswer]:
    """Return a node's forecast beside the sales of a year before, like for like.

    Args:
        node: its id; the total if left out.
        date: first day; the one after the newest sales if left out.
        horizon: days ahead; four weeks if left out.
        adjusted: whether the forecasts have the overrides of planners.
    """
    members = {"adjusted": adjusted, "date": date, "horizon": horizon, "node": node}
    return parse(YearBeforeAnswer, (yield Request("GET", "/year-before", members)))


def caller() -> Steps[CallerAnswer]:
    """Return who the server takes the caller for, with scopes and limits."""
    return parse(CallerAnswer, (yield Request("GET", "/caller", {})))


def model_metrics() -> Steps[MetricsAnswer]:
    """Return all quality figures of the model, as training wrote them."""
    return parse(MetricsAnswer, (yield Request("GET", "/model-metrics", {})))


def meta() -> Steps[MetaAnswer]:
    """Return what requests may name: series, levels, covariates, days."""
    return parse(MetaAnswer, (yield Request("GET", "/meta", {})))


def health() -> Steps[HealthAnswer]:
    """Return what is served, how old its data are, and what is degraded.

    Raises:
        NotReady: no model is served, after the retries either.
    """
    return parse(HealthAnswer, (yield Request("GET", "/health", {})))
