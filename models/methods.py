"""Forecast methods: marks series whose forecast is less reliable, such as new or idle ones.

A series that has never sold is forecast by rule, as zero; one that the tables announce for the days
ahead, as the mean of similar series (`models.analogues`). A series without sales for a long
time is forecast by the model, because it may sell again and the tables do not show when. In the
Favorita tables (1,782 series, origins every week from the second year on), a series without a
sale in the last

========= ============= ================================== ==================================
days      cases         sells in the next 16 / 90 days      while its whole store was closed
========= ============= ================================== ==================================
28 to 55  5,471         13 % / 70 %                         15 % / 98 %
56 to 111 7,367         25 % / 85 %                         35 % / 100 %
112-181   2,629         27 % / 76 %                         34 % / 74 %
182-363   1,323         10 % / 42 %
364-      826           3 % / 16 %
========= ============= ================================== ==================================

and a small model that had not seen the days (34 origins, 1,946 cases) was compared with zero in
eight groups, by days without a sale and by whether the store was open (the table is in
docs/explanation/forecasts.md). Over 90 days the RMSLE of the model was lower in four groups, by
far in stores closed for 56 to 111 days (2.29 against 3.72); in the other four zero was lower, but
by at most 0.02, except in a group of 8 cases. Over 16 days zero was lower in seven groups (in open
stores after 56 to 111 days 0.25 against 0.44), and the model only in stores closed for 56 to 111
days. For open stores that is 0.3 % of the RMSLE of all series: too little to have two rules.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from features.data.snapshot import Snapshot
from models.baselines import Baseline

NEW_DAYS = 56
IDLE_DAYS = 28


class Method(StrEnum):
    """Method of a node's forecast.

    Attributes:
        MODEL: by the model, from a long and recent past.
        MODEL_NEW: by the model, for a series whose first sale is less than `NEW_DAYS` days ago,
            or of a store or the like that the model has not seen: it relies on few days, and on
            similar series.
        MODEL_IDLE: by the model, for a series without a sale in the last `IDLE_DAYS` days.
        ZERO_NEVER_SOLD: zero by rule: the series has sold nothing up to the origin.
        ANALOGUE: the mean of the forecasts of similar series (`models.analogues`): the series has
            no sales, and the table of the days ahead announces it.
        SEASONAL_NAIVE, WEEKDAY_MEAN: by the rule of that name (`models.baselines`), which was
            better than the model.
        SUM: of the forecasts of its bottom series.
    """

    MODEL = "model"
    MODEL_NEW = "model_new"
    MODEL_IDLE = "model_idle"
    ZERO_NEVER_SOLD = "zero_never_sold"
    ANALOGUE = "analogue"
    SEASONAL_NAIVE = "seasonal_naive"
    WEEKDAY_MEAN = "weekday_mean"
    SUM = "sum"


def methods_at(
    snapshot: Snapshot,
    origin: int,
    nodes: NDArray[np.intp],
    unseen: NDArray[np.bool_],
    fallbacks: NDArray[np.object_],
) -> list[Method]:
    """Return the forecast methods of nodes from an origin.

    Nothing after the origin is read, so a past forecast is marked as it was at the time.

    Args:
        origin: index of the last day whose sales are known.
        nodes: rows of the hierarchy, shape (n,).
        unseen: whether the model has not seen one of their columns' values, shape (n,).
        fallbacks: the rule that forecasts each instead of the model, or None; shape (n,).
    """
    first_sale = snapshot.first_sale[nodes]
    idle, new = (snapshot.step.steps_in(days) for days in (IDLE_DAYS, NEW_DAYS))
    recent = snapshot.history[nodes, max(origin + 1 - idle, 0) : origin + 1]
    cases = (  # the first that is true applies
        (nodes < snapshot.hierarchy.n_upper, Method.SUM),
        (snapshot.announced[nodes] & (origin == snapshot.newest_origin), Method.ANALOGUE),
        (first_sale > origin, Method.ZERO_NEVER_SOLD),
        *((fallbacks == rule, Method(rule.value)) for rule in Baseline),
        ((recent == 0).all(axis=1), Method.MODEL_IDLE),
        (unseen | (origin - first_sale < new), Method.MODEL_NEW),
        (np.ones(len(nodes), dtype=np.bool_), Method.MODEL),
    )
    first = np.argmax([case for case, _ in cases], axis=0)
    return [cases[number][1] for number in first]
