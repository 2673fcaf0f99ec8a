"""Explanations of forecasts: exact TreeSHAP of the bundle's boosters, converted to units.

The boosters are the served graphs in LightGBM's format (a test holds both equal). Their score, in
log1p units, is a base value plus one contribution of each feature. The conversion of a score to
units is not linear; every contribution gets the share of the difference in units that it has of
the difference in score. So the steps add up in units too and keep their signs, and the steps of
several days, or of the bottom series below a node, can be added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.contract import UNKNOWN_CODE, Contract, FeatureSet, feature_set
from features.feature import Group
from features.relative import RelativeColumns
from models.bundle import GOLDEN_ROWS_FILE, booster_file
from models.engine import ForecastEngine
from models.model import segments_of
from models.tree_shap import TreeShap

MAX_ROWS = 100
"""Rows (bottom series × days) that one explanation runs the boosters for.

TreeSHAP takes 9 ms a row for 600 trees of 127 leaves, as on the Favorita data for the near days:
about a second for this many.
"""

LARGEST_GAP = 1e-4
"""Largest difference of a booster from the served graph: relative, but absolute below 1 unit.

The graph adds its trees in float32, which causes less than a tenth of this.
"""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Floats = NDArray[np.float64]
Value = str | float | None


class ExplanationError(RuntimeError):
    """The boosters do not reproduce the served model."""


class Explainer:
    """The boosters of one bundle.

    Args:
        folder: of the bundle.
        segments: last horizon of each of its graphs, ascending.
        horizon_column: column of the rows that holds the horizon.
        relative: columns that the boosters read less the offset.

    Raises:
        ExplanationError: the boosters have trees of a kind that is not supported.
    """

    def __init__(
        self,
        folder: Path,
        segments: tuple[int, ...],
        horizon_column: int,
        relative: RelativeColumns,
    ) -> None:
        self._segments = segments
        self._horizon_column = horizon_column
        self._relative = relative
        golden_rows = np.load(folder / GOLDEN_ROWS_FILE, allow_pickle=False)
        self._mean_offset = float(relative.offsets(golden_rows).mean(dtype=np.float64))
        columns = golden_rows.shape[1]
        self._boosters = [_load_booster(folder / booster_file(last), columns) for last in segments]

    def contributions(self, rows: NDArray[np.float32]) -> Floats:
        """TreeSHAP of rows of shape (n, features), in log1p units.

        The offset of a row counts as a contribution of its feature: its difference from the mean
        offset of the bundle's golden rows, which is a part of the base value.

        Returns:
            Shape (n, features + 1): one column for each feature, then the base value; a row's
            sum is its score.
        """
        # The offset is a linear term of the score: its Shapley value is its value less its mean.
        relative, read = self._relative, self._relative.tree_rows(rows)
        outputs = np.empty((len(rows), rows.shape[1] + 1))
        horizons = rows[:, self._horizon_column]
        for segment, chosen in segments_of(self._segments, horizons):
            outputs[chosen] = self._boosters[segment].contributions(read[chosen])
        outputs[:, relative.offset] += relative.offsets(rows).astype(np.float64) - self._mean_offset
        outputs[:, -1] += self._mean_offset
        return outputs


def _load_booster(path: Path, columns: int) -> TreeShap:
    try:
        return TreeShap(path.read_text(encoding="utf-8"), columns)
    except ValueError as error:
        raise ExplanationError(f"{path.name} cannot be explained: {error}") from error


@lru_cache(maxsize=2)  # while one bundle takes over from another
def load_explainer(
    folder: Path, segments: tuple[int, ...], horizon_column: int, relative: RelativeColumns
) -> Explainer:
    """Load the explainer of a bundle; cached, so once in a process."""
    return Explainer(folder, segments, horizon_column, relative)


class Space(StrEnum):
    """Space in which contributions are expressed.

    Attributes:
        LINK: log1p units, the model's own: exact, and each is a factor on the forecast + 1.
        UNITS: sums over several rows of the model; only in units may rows be added.
    """

    LINK = "log1p units"
    UNITS = "units"


class GroupStep(NamedTuple):
    """Joint contribution of the features of one group.

    Attributes:
        columns: of the features, the largest contribution first.
        contribution: in the explanation's space.
        units: their change of the forecast, in units.
    """

    columns: Sequence[int]
    contribution: float
    units: float


@dataclass(frozen=True)
class Explanation:
    """The steps from the model's base value to a forecast.

    In units, ``base_units + units + cut + reconciliation + not_explained`` is `prediction`, but
    for `missing`.

    Attributes:
        features: of the model, in the contract's order.
        space: of `base` and `contributions`.
        base: the boosters' base value.
        contributions: of each feature, in the contract's order; shape (features,).
        base_units: the base value in units.
        units: the contributions in units; shape (features,).
        cut: units by which negative scores were raised to zero.
        reconciliation: coherent less base forecasts of the series explained, units.
        not_explained: forecast of the series beyond `MAX_ROWS` and of those that a rule or
            analogues forecast, units.
        series_not_explained: how many they are.
        prediction: the coherent forecast, units.
        values: readable values of the features if there is one row; otherwise None.
    """

    features: FeatureSet
    space: Space
    base: float
    contributions: Floats
    base_units: float
    units: Floats
    cut: float
    reconciliation: float
    not_explained: float
    series_not_explained: int
    prediction: float
    values: tuple[Value, ...] | None

    def of_groups(self) -> dict[Group, GroupStep]:
        """Return the steps of the features of each group, added up; the largest first.

        Contributions add up in either space, so those of a group may be summed, and a group's
        factor is the product of its features'.
        """
        steps = {
            group: GroupStep(
                columns=sorted(columns, key=lambda column: -abs(self.contributions[column])),
                contribution=float(self.contributions[list(columns)].sum()),
                units=float(self.units[list(columns)].sum()),
            )
            for group, columns in self.features.columns_of_group.items()
        }
        return dict(sorted(steps.items(), key=lambda step: -abs(step[1].contribution)))

    @property
    def missing(self) -> float:
        """Difference of the prediction from the sum of the steps, in units.

        It is the float32 rounding of the served graph, against the boosters' float64.
        """
        steps = self.base_units + float(self.units.sum()) + self.cut
        return abs(steps + self.reconciliation + self.not_explained - self.prediction)

    @property
    def explained_share(self) -> float:
        """Share of the prediction whose series are explained."""
        return 1 - self.not_explained / self.prediction if self.prediction else 1.0


def explain(
    engine: ForecastEngine, origin: int, row: int, horizons: NDArray[np.intp], coherent: Floats
) -> Explanation:
    """Explain the forecast of a node, summed over days.

    A series that has never sold is zero by rule: the model is not run, and its steps are zero. The
    forecast of one that analogues forecast is not explained.

    Args:
        origin: index of the last day whose sales the forecast uses.
        row: of the node in the hierarchy.
        horizons: days after the origin, ascending.
        coherent: forecasts of all nodes for those days in units, shape (nodes, days).

    Raises:
        ExplanationError: the boosters are not the model that serves.
    """
    # A coherent forecast is the sum of its bottom series, so a node is explained through these.
    # TreeSHAP is slow: the series with the largest forecasts are run until MAX_ROWS, and the others
    # form one remainder (`not_explained`). A single row is reported in link space, where its
    # contributions are exact; sums over rows only in units (see `Space`). Series that never sold
    # have a base forecast of 0; units that reconciliation gives them belong to its step, hence
    # they are part of `explained`.
    sold, never, by_rule = split_bottoms(engine, origin, row)
    totals = coherent.sum(axis=1)
    max_nodes = max(MAX_ROWS // len(horizons), 1)
    ranked = sold[np.argsort(-totals[sold], kind="stable")]
    nodes, rest = ranked[:max_nodes], np.concatenate((ranked[max_nodes:], by_rule))
    rows = make_rows(engine, origin, nodes, horizons)
    steps = _compute_steps(engine, rows)
    explained = float(totals[nodes].sum() + totals[never].sum())
    is_single_row = (
        not len(by_rule) and row >= engine.snapshot.hierarchy.n_upper and len(horizons) == 1
    )
    values = None
    if is_single_row:
        row_to_format = rows if len(nodes) else make_rows(engine, origin, np.array([row]), horizons)
        values = readable(engine.bundle.contract, row_to_format[0])
    return Explanation(
        features=feature_set(engine.snapshot.specification),
        space=Space.LINK if is_single_row else Space.UNITS,
        base=steps.base if is_single_row else steps.base_units,
        contributions=steps.contributions if is_single_row else steps.units,
        base_units=steps.base_units,
        units=steps.units,
        cut=steps.cut,
        reconciliation=explained - steps.forecast,
        not_explained=float(totals[rest].sum()),
        series_not_explained=len(rest),
        prediction=float(totals[row]),
        values=values,
    )


def split_bottoms(
    engine: ForecastEngine, origin: int, row: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows of a node's bottom series that the model forecasts, and of the others.

    The others are those that had not sold by the origin, and those that a rule or analogues
    forecast.
    """
    hierarchy = engine.snapshot.hierarchy
    summing = hierarchy.summing
    below = summing.indices[summing.indptr[row] : summing.indptr[row + 1]].astype(np.intp)
    nodes = hierarchy.n_upper + below
    sold = engine.snapshot.first_sale[nodes] <= origin
    by_rule = np.array([rule is not None for rule in engine.fallback_of_node[nodes]], dtype=bool)
    announced = engine.snapshot.may_sell(origin)[nodes] & ~sold
    return nodes[sold & ~by_rule], nodes[~sold & ~announced], nodes[sold & by_rule | announced]


def make_rows(
    engine: ForecastEngine, origin: int, nodes: NDArray[np.intp], horizons: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return the rows of the model for bottom series, node by node."""
    if not len(nodes):
        return np.empty((0, len(engine.bundle.contract.names)), dtype=np.float32)
    return engine.rows_of(origin, nodes, horizons)


@dataclass(frozen=True)
class _Steps:
    """Steps summed over rows; `forecast` is the served model's output for them, in units."""

    base: float
    contributions: Floats
    base_units: float
    units: Floats
    cut: float
    forecast: float


def _compute_steps(engine: ForecastEngine, rows: NDArray[np.float32]) -> _Steps:
    if not len(rows):
        zeros = np.zeros(rows.shape[1])
        return _Steps(0.0, zeros, 0.0, zeros, 0.0, 0.0)
    bundle = engine.bundle
    contract = bundle.contract
    explainer = load_explainer(
        bundle.path, bundle.facts.segments, contract.horizon_column, contract.relative_columns
    )
    outputs = explainer.contributions(rows)
    contributions, base = outputs[:, :-1], outputs[:, -1]
    served = bundle.model.predict(rows).astype(np.float64)
    score = outputs.sum(axis=1)
    _check_same_model(np.expm1(np.maximum(score, 0)), served)
    return _Steps(
        base=float(base.sum()),
        contributions=contributions.sum(axis=0),
        base_units=float(np.expm1(base).sum()),
        units=convert_to_units(base, contributions).sum(axis=0),
        cut=float(np.maximum(-np.expm1(score), 0).sum()),
        forecast=float(served.sum()),
    )


def convert_to_units(base: Floats, contributions: Floats) -> Floats:
    """Convert contributions to scores to contributions in units, shape (n, features).

    Each is multiplied by the slope of the chord from base value to score, ``(expm1(score) -
    expm1(base)) / (score - base)``, which is positive and becomes the tangent where both are equal.

    Args:
        base: log1p units, shape (n,).
        contributions: log1p units, shape (n, features).
    """
    # One slope for all contributions of a row keeps their ratios and signs, and makes them add up
    # to expm1(score) - expm1(base) in any order. Converting them one after the other along the
    # curve would depend on that order. exp(base) * expm1(step) / step is the same slope without
    # the cancellation of the difference of two nearly equal exponentials.
    step = contributions.sum(axis=1)
    slope = np.divide(np.expm1(step), step, out=np.ones_like(step), where=step != 0)
    units: Floats = contributions * (np.exp(base) * slope)[:, None]
    return units


def _check_same_model(explained: Floats, served: Floats) -> None:
    gap = (np.abs(explained - served) / np.maximum(served, 1)).max()
    if not gap <= LARGEST_GAP:
        raise ExplanationError(f"the boosters are off by {gap:.2g} from the model that serves")


def readable(contract: Contract, row: NDArray[np.float32]) -> tuple[Value, ...]:
    """Return a row's values in readable form, in the contract's order.

    Categories and weekdays are names; missing, unknown or inapplicable values are None.
    """
    return tuple(
        _format_value(contract.categories, name, value)
        for name, value in zip(contract.names, row.tolist(), strict=True)
    )


def _format_value(categories: Mapping[str, tuple[str, ...]], name: str, value: float) -> Value:
    if name in categories:
        return None if value == UNKNOWN_CODE else categories[name][int(value)]
    if name == "weekday":
        return WEEKDAYS[int(value)]
    return None if np.isnan(value) else value
