"""Covariates that are known ahead, such as promotions: of the past, their effect, and planned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.blocks import Blocks, Floats, Rows, select_block
from features.data.specification import Covariate, Kind, Specification
from features.data.step import Step
from features.feature import LOG_RATIO, SHARE, Feature, Group, as_title
from features.scale import SCALES
from features.tail import Values

Values64 = NDArray[np.float64]


def features_of(specification: Specification) -> tuple[Feature, ...]:
    """Return the features of every covariate that is known ahead, in the order of the contract."""
    return tuple(
        feature
        for covariate in specification.known_ahead
        for feature in _features_of_covariate(specification, covariate)
    )


def _features_of_covariate(
    specification: Specification, covariate: Covariate
) -> tuple[Feature, ...]:
    label, scale = covariate.label, SCALES[covariate.kind].unit
    change = scale if covariate.kind is Kind.NUMBER else LOG_RATIO
    title = as_title(label)
    response = f"log1p units per {scale}"
    pooled = specification.label(*specification.pooled)
    what = covariate.name

    def feature(
        name: str, suffix: str, unit: str, description: str, *, daily: bool = False
    ) -> Feature:
        return Feature(
            f"{label}{name}", f"{title} {suffix}", Group.PROMOTION, unit, description, daily
        )

    return (
        feature("_28", "in the last 28 days", scale, f"mean of {what} over 28 days"),
        *(
            (feature("_share_112", "how often", SHARE, f"days with {what} among 112"),)
            if covariate.kind.adds_up
            else ()
        ),
        feature(
            "_slope",
            "in the past: how sales responded",
            response,
            "response of sales over 112 days",
        ),
        feature(
            f"_{pooled}_slope",
            f"in the past: how sales of the {pooled} responded",
            response,
            f"response over the {pooled}",
        ),
        feature("_7", "in the last 7 days", scale, f"mean of {what} over 7 days"),
        feature(
            "_weekday_8",
            "on the last same weekdays",
            scale,
            f"mean of {what} on the last 8 same weekdays",
            daily=True,
        ),
        feature("", "planned for the day", scale, f"{what} planned for the day"),
        feature(
            "_change", "planned, against the usual", change, "planned less the mean over 28 days"
        ),
        feature("_effect", "planned: expected effect", LOG_RATIO, "that change times the response"),
        feature(
            "_weekday_change",
            "planned, against the same weekdays",
            change,
            "planned less the mean on the last 8 same weekdays",
            daily=True,
        ),
        feature(
            f"_{pooled}_effect",
            f"planned: expected effect as in the {pooled}",
            LOG_RATIO,
            f"the change times the {pooled}'s response",
        ),
        feature("_before", "on the day before", scale, f"{what} on the day before"),
        feature("_after", "on the day after", scale, f"{what} on the day after"),
        feature("_week", "in the week around", scale, "mean of the seven days around", daily=True),
        *(
            each
            for level in specification.between
            for each in (
                feature(
                    f"_{level}",
                    f"planned in the whole {level}",
                    scale,
                    f"{what} planned in the whole {level}",
                ),
                feature(
                    f"_{level}_change",
                    f"planned in the whole {level}, against the usual",
                    change,
                    f"the {level}'s planned less its mean over 28 days",
                ),
            )
        ),
    )


PAST_DAYS = 112
"""Days up to an origin of which covariates are read."""
WEEK_AROUND = 3
"""Days before and after a day that make its week."""
_SLOPE_RIDGE = 0.05
"""Variance added to that of the covariate (ridge): few changes must not give a large slope."""


class Response(NamedTuple):
    """Covariance of log1p units with a covariate, and its variance; each of shape (nodes,)."""

    covariance: Values64
    variance: Values64

    @property
    def slope(self) -> Values64:
        """Response of sales to the covariate."""
        return np.asarray(self.covariance / (self.variance + _SLOPE_RIDGE))

    def pool(self, group: NDArray[np.intp]) -> Values64:
        """Return the slope of each group, shape (groups,), from all nodes."""
        sums = (np.bincount(group, each).astype(np.float64) for each in self)
        return Response(*sums).slope


def pooled_slope(specification: Specification, covariate: Covariate) -> str:
    """Return the name of the slope that `Response.pool` computes, as a feature."""
    return f"{covariate.label}_{specification.label(*specification.pooled)}_slope"


def measure_response(covariate: Covariate, values: Values64, logs: Values64) -> Response:
    """Compute the response of sales to a covariate.

    Args:
        values: of nodes on the last `PAST_DAYS` days, shape (nodes, days).
        logs: log1p units of the same nodes and days.
    """
    # The response is the slope of a ridge regression of log1p units on the covariate's scale:
    # covariance over variance + ridge. The ridge pulls it to 0 where the covariate hardly varies,
    # instead of dividing noise by almost nothing. Most series have too few changes for a slope of
    # their own, so a second one pools covariances and variances over the series that only differ
    # by their site.
    x = SCALES[covariate.kind].of(values)
    centred = x - x.mean(axis=1, keepdims=True)
    return Response(
        covariance=(centred * (logs - logs.mean(axis=1, keepdims=True))).mean(axis=1),
        variance=(centred**2).mean(axis=1),
    )


def measure_past(step: Step, covariate: Covariate, values: Values64, response: Response) -> Values:
    """Compute the usual values of a covariate and the response of sales to it; (nodes,) each.

    Args:
        values: of the nodes on the last `PAST_DAYS` days, shape (nodes, days).
        response: of the same nodes.
    """
    label, scale = covariate.label, SCALES[covariate.kind].of
    result = {
        f"{label}_28": scale(values[:, -step.steps_in(28) :].mean(axis=1)),
        f"{label}_slope": response.slope,
        f"{label}_7": scale(values[:, -step.steps_in(7) :].mean(axis=1)),
    }
    if covariate.kind.adds_up:
        result[f"{label}_share_112"] = (values > 0).mean(axis=1)
    return result


def compare_plans(
    covariate: Covariate,
    planned: Floats,
    shared: Floats,
    node: Mapping[str, Floats],
    usual: Floats,
    nodes: Rows,
    *,
    pooled: str,
    ancestors: Mapping[str, Rows],
    at: Rows,
) -> Blocks:
    """Return the blocks of a covariate of nodes on some days ahead.

    Args:
        planned: the covariate of all nodes on its scale, shape (nodes of the hierarchy, days).
        shared: what rows of other nodes read of the same, of the same shape.
        node: values of the nodes at the origin, of `measure_past`.
        usual: values on the same weekdays, on the scale; shape (nodes, days).
        nodes: rows of the nodes, shape (n,).
        pooled: label of the columns over which responses are pooled.
        ancestors: rows of the nodes' ancestors by level, each of shape (n,).
        at: columns of the days in `planned`, at least `WEEK_AROUND` from both ends.
    """
    label = covariate.label

    def compute_change(of_rows: Floats, rows: Rows) -> Floats:
        return of_rows - node[f"{label}_28"][rows][:, None]

    own = select_block(planned, nodes, at)
    own_change = compute_change(own, nodes)
    blocks: Blocks = {
        label: own,
        f"{label}_change": own_change,
        f"{label}_weekday_change": own - usual,
        f"{label}_before": select_block(planned, nodes, at - 1),
        f"{label}_after": select_block(planned, nodes, at + 1),
        f"{label}_week": _average_week(planned, nodes, at),
        f"{label}_{pooled}_effect": own_change * node[f"{label}_{pooled}_slope"][nodes][:, None],
        f"{label}_effect": own_change * node[f"{label}_slope"][nodes][:, None],
    }
    for level, rows in ancestors.items():
        of_level = select_block(shared, rows, at)
        itself = rows == nodes  # nodes of the level, each of which has one plan
        of_level[itself] = own[itself]
        blocks[f"{label}_{level}"] = of_level
        blocks[f"{label}_{level}_change"] = compute_change(of_level, rows)
    return blocks


def _average_week(planned: Floats, nodes: Rows, at: Rows) -> Floats:
    """Return the mean of the week around each day, shape (nodes, days)."""
    # an array of all seven days would be the largest that rows are made of
    total = select_block(planned, nodes, at - WEEK_AROUND)
    for place in range(1 - WEEK_AROUND, WEEK_AROUND + 1):
        total = total + select_block(planned, nodes, at + place)
    mean: Floats = total / np.float32(2 * WEEK_AROUND + 1)
    return mean
