"""Scales on which covariates are read, so that equal steps have about equal effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.data.specification import Kind
from features.feature import LOG_FLAG, LOG_ITEMS, LOG_PRICE


@dataclass(frozen=True)
class Scale:
    """A scale of values.

    Attributes:
        of: returns values on the scale; of any float dtype and shape, which it keeps.
        unit: of the values on the scale.
    """

    of: Callable[[NDArray[Any]], NDArray[Any]]
    unit: str


def _log_price(values: NDArray[Any]) -> NDArray[Any]:
    # a price of nothing is a mistake or a gift; 0 has no logarithm
    return np.asarray(np.log(np.maximum(values, values.dtype.type(0.01))))


SCALES: Mapping[Kind, Scale] = {
    Kind.COUNT: Scale(np.log1p, LOG_ITEMS),
    Kind.FLAG: Scale(np.log1p, LOG_FLAG),
    Kind.NUMBER: Scale(lambda values: values, "units of the covariate"),
    Kind.PRICE: Scale(_log_price, LOG_PRICE),
}
