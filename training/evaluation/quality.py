"""Quality of a model on the days that calibrate its intervals, beside simple rules.

The frozen models of the calibration have not seen these days, so their errors are those that a
served forecast will have. A model that is worse there than last week's same weekday would be worse
in service too: the report says so, and the series for which a rule does better fall back to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.data.snapshot import Snapshot
from features.data.specification import BOTTOM, TOTAL, Expect
from features.data.step import Step
from models import metrics
from models.baselines import Baseline, forecast_by_rule
from models.buckets import Buckets, buckets_of
from models.error_sums import NOMINALS, judge_known_parts
from models.intervals import Intervals
from training.evaluation.calibration import calibrate
from training.evaluation.forecast_errors import Errors, chronological_blocks
from training.history import first_day

Values = NDArray[np.float64]
Document = dict[str, Any]

SUM_DAYS = (7, 28)
"""Days whose sums are judged, besides those of the whole horizon."""
MARGIN = 0.05
"""Share by which a rule's squared error must be lower than the model's to replace it."""
LARGEST_GAP = 0.05
"""Difference of a coverage from its nominal one, or of a bias from 0, that is reported."""

_MOST_UNKNOWN = 0.5
"""Share of the days of a sum that may be unknown for it to be judged."""
_LEAST_BLOCKS = 2
"""Frozen models in each of which a rule must be better for a series that falls back to it."""
_SEASONS = 2
"""Years that a model must see to know its seasons."""
_MODEL = "model"


def rule_errors(snapshot: Snapshot, errors: Errors, rule: Baseline) -> Errors:
    """Return the errors of a rule at the origins and horizons of a model's errors."""
    upper = snapshot.hierarchy.n_upper
    forecast = np.empty_like(errors.forecast[:, upper:])
    for number, origin in enumerate(errors.origins.tolist()):
        history = snapshot.history[upper:, : origin + 1]
        forecast[number] = forecast_by_rule(history, errors.horizons, rule, step=snapshot.step)
        closed = snapshot.closed_ahead(origin, errors.horizons)
        if closed is not None:
            forecast[number][closed] = 0
    return _with_bottoms(snapshot, errors, forecast)


def _with_bottoms(snapshot: Snapshot, errors: Errors, bottoms: Values) -> Errors:
    """Return errors of other forecasts of the bottom series, shape (origins, bottoms, horizons)."""
    pairs = [
        judge_known_parts(snapshot.hierarchy, forecast, actual)
        for forecast, actual in zip(
            bottoms, errors.actual[:, snapshot.hierarchy.n_upper :], strict=True
        )
    ]
    forecast, actual = map(np.stack, zip(*pairs, strict=True))
    return replace(errors, forecast=forecast, actual=actual)


def weighted_errors(snapshot: Snapshot, errors: Errors) -> dict[str, float]:
    """Return the weighted RMSSE of each level, over all origins and horizons."""
    nodes = errors.forecast.shape[1]
    history = snapshot.history[:, : int(errors.origins[0]) + 1]
    forecast = errors.forecast.transpose(1, 0, 2).reshape(nodes, -1)
    actual = errors.actual.transpose(1, 0, 2).reshape(nodes, -1)
    return metrics.weighted_rmsse(forecast, actual, history, snapshot.hierarchy)


def mean_known(by_level: Mapping[str, float]) -> float:
    """Return the mean over the levels that have a figure."""
    return metrics.known_mean(np.array(list(by_level.values())))


def mark_seasoned(snapshot: Snapshot, origins: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the origins whose frozen models saw enough to stand for the served one.

    A model that has seen a season once cannot know it, and loses to last year's sales; one that
    has seen it twice may not. Where the served model has seen `_SEASONS` years, only the origins of
    frozen models that had seen them too are judged, or those of the newest if none had.
    """
    begin, needed = first_day(snapshot), _SEASONS * snapshot.step.year
    if snapshot.n_days - begin < needed:
        return np.ones(len(origins), dtype=np.bool_)
    blocks = chronological_blocks(origins)
    seen = [bool(block[0] - begin >= needed) for block in blocks]
    seen[-1] = True
    return np.repeat(seen, [len(block) for block in blocks])


def choose_fallbacks(
    snapshot: Snapshot, errors: Errors, rules: Mapping[Baseline, Errors], expect: Expect
) -> dict[str, Baseline]:
    """Return the bottom series that a rule forecasts better than the model, by their ids.

    A rule replaces the model for a series where its squared error is lower by more than `MARGIN`
    in all, and lower for each of at least two frozen models: one lucky month is not enough. Where
    medians are wanted, errors are those of logarithms. If the model is worse than a rule over all
    levels (or, where medians are stated, over all series), the better rule forecasts every series.
    """
    wholes = {rule: _measure_whole(snapshot, each) for rule, each in rules.items()}
    best = min(wholes, key=lambda rule: wholes[rule])
    upper = snapshot.hierarchy.n_upper
    ids = [node.id for node in snapshot.hierarchy.nodes[upper:]]
    if wholes[best] < _measure_whole(snapshot, errors):
        return dict.fromkeys(ids, best)
    of_model = _squares_by_block(errors, upper, expect)
    if len(of_model) < _LEAST_BLOCKS:
        return {}
    chosen: dict[str, Baseline] = {}
    least = np.full(len(ids), np.inf)
    for rule, each in rules.items():
        of_rule = _squares_by_block(each, upper, expect)
        total = of_rule.sum(axis=0)
        better = (of_rule <= of_model).all(axis=0) & (total < (1 - MARGIN) * of_model.sum(axis=0))
        for row in np.flatnonzero(better & (total < least)):
            chosen[ids[row]], least[row] = rule, total[row]
    return chosen


def _measure_whole(snapshot: Snapshot, errors: Errors) -> float:
    """Return the error over all levels; where medians are stated, that of logarithms."""
    if snapshot.specification.expect is not Expect.MEDIAN:
        return mean_known(weighted_errors(snapshot, errors))
    upper = snapshot.hierarchy.n_upper
    return metrics.rmsle(errors.forecast[:, upper:], errors.actual[:, upper:])


def _squares_by_block(errors: Errors, upper: int, expect: Expect) -> Values:
    """Return the squared errors of the bottom series for each frozen model; (blocks, bottoms)."""
    forecast, actual = errors.forecast[:, upper:], errors.actual[:, upper:]
    if expect is Expect.MEDIAN:
        forecast, actual = np.log1p(forecast), np.log1p(actual)
    squares = np.nansum((forecast - actual) ** 2, axis=2)
    starts = np.cumsum([0, *(len(block) for block in chronological_blocks(errors.origins))])
    return np.stack([squares[first:end].sum(axis=0) for first, end in pairwise(starts)])


def with_fallbacks(
    snapshot: Snapshot,
    errors: Errors,
    rules: Mapping[Baseline, Errors],
    fallbacks: Mapping[str, Baseline],
) -> Errors:
    """Return the errors of the forecasts that are served: of the rule where a series has one."""
    if not fallbacks:
        return errors
    upper = snapshot.hierarchy.n_upper
    bottoms = errors.forecast[:, upper:].copy()
    for rule, each in rules.items():
        rows = [snapshot.hierarchy.index[node] for node, of in fallbacks.items() if of is rule]
        at = np.array(rows, dtype=np.intp) - upper
        bottoms[:, at] = each.forecast[:, upper:][:, at]
    return _with_bottoms(snapshot, errors, bottoms)


def quality_report(
    snapshot: Snapshot,
    errors: Errors,
    rules: Mapping[Baseline, Errors],
    fallbacks: Mapping[str, Baseline],
) -> Document:
    """Compare the served forecasts with the rules, by level and days ahead.

    Args:
        errors: of the forecasts as they are served, fallbacks included.

    Returns:
        `wrmsse` by level and forecast, `levels` with bias, WAPE and coverage by days ahead, `sums`
        with the coverage of intervals of sums over days, the number of series that fall back to
        each rule, and warnings for a reader.
    """
    seasoned = mark_seasoned(snapshot, errors.origins)
    wrmsse = {
        name: weighted_errors(snapshot, each.select(seasoned))
        for name, each in {_MODEL: errors, **{str(rule): rules[rule] for rule in rules}}.items()
    }
    crossed = list(_cross_calibrate(snapshot, errors))
    buckets = buckets_of(snapshot.specification)
    covered = _cover(crossed)
    levels = {
        level: _describe_level(level, rows, errors, rules, covered, buckets)
        for level, rows in snapshot.hierarchy.slices.items()
    }
    counts = {str(rule): sum(each is rule for each in fallbacks.values()) for rule in Baseline}
    return {
        "sums": _cross_coverage_of_sums(snapshot, crossed),
        "wrmsse": {
            level: {name: values[level] for name, values in wrmsse.items()} for level in levels
        },
        "levels": levels,
        "fallback": counts,
        "warnings": [
            *_warn_of_rules(snapshot, wrmsse, fallbacks),
            *_warn_of_figures(levels, snapshot.step),
            *_warn_of_far_days(snapshot, errors),
        ],
    }


Crossed = Sequence[tuple[Intervals, Errors]]
"""Errors of each frozen model, with intervals that those of the others calibrate."""


def cross_coverage(snapshot: Snapshot, errors: Errors) -> dict[int, Values]:
    """Return which sales lie within intervals that the errors of other models calibrate.

    By nominal coverage; shape (origins, nodes, horizons), NaN where not known.
    """
    return _cover(list(_cross_calibrate(snapshot, errors)))


def _cover(crossed: Crossed) -> dict[int, Values]:
    """Return which sales lie within the intervals, as `cross_coverage` does."""
    parts: dict[int, list[Values]] = {nominal: [] for nominal in NOMINALS}
    for intervals, judged in crossed:
        nodes = np.arange(judged.forecast.shape[1])
        for nominal in NOMINALS:
            for forecast, actual, sold in zip(
                judged.forecast, judged.actual, judged.sold, strict=True
            ):
                bounds = intervals.bounds(nodes, forecast, judged.horizons, nominal, sold=sold)
                parts[nominal].append(metrics.within(*bounds, actual))
    return {nominal: np.stack(each) for nominal, each in parts.items()}


def _cross_calibrate(snapshot: Snapshot, errors: Errors) -> Iterator[tuple[Intervals, Errors]]:
    """Yield the errors of each frozen model, with intervals that those of the others calibrate."""
    blocks = chronological_blocks(errors.origins)
    for block in blocks:
        inside = (errors.origins >= block[0]) & (errors.origins <= block[-1])
        others = inside if len(blocks) == 1 else ~inside
        calibration = calibrate(errors.select(others), snapshot.hierarchy)
        yield Intervals(calibration, snapshot.hierarchy), errors.select(inside)


def _cross_coverage_of_sums(snapshot: Snapshot, crossed: Crossed) -> Document:
    """Return the coverage of intervals of sums over days, by level and number of days.

    Over some nodes of each level (see `Paths`).
    """
    hierarchy, periods = snapshot.hierarchy, _list_periods(snapshot)
    within: dict[tuple[int, int], list[Values]] = defaultdict(list)
    for intervals, judged in crossed:
        if judged.paths is None or not intervals.has_paths:
            return {}
        paths = judged.paths
        for forecast, actual, sold in zip(paths.forecast, paths.actual, paths.sold, strict=True):
            for days in periods:
                # days that are not known, or closed, count on neither side
                unknown = np.isnan(actual[:, :days])
                bounds = intervals.bounds_of_sums(
                    paths.nodes,
                    np.where(unknown, 0, forecast[:, :days]),
                    np.arange(1, days + 1),
                    [0],
                    NOMINALS,
                    sold=sold,
                    closed=unknown,
                )
                total = np.where(unknown, 0, actual[:, :days]).sum(axis=1, keepdims=True)
                total[unknown.mean(axis=1) > _MOST_UNKNOWN] = np.nan
                for nominal, pair in zip(NOMINALS, bounds, strict=True):
                    within[days, nominal].append(metrics.within(*pair, total)[:, 0])
    levels = hierarchy.level_of[paths.nodes]
    return {
        level: {
            str(days): {
                f"coverage_{nominal}": metrics.known_mean(
                    np.stack(within[days, nominal])[:, levels == code]
                )
                for nominal in NOMINALS
            }
            for days in periods
        }
        for code, level in enumerate(hierarchy.levels)
    }


def _list_periods(snapshot: Snapshot) -> list[int]:
    """Return the numbers of days whose sums are judged, the whole horizon last."""
    steps = (snapshot.step.steps_in(days) for days in SUM_DAYS)
    return [*(count for count in steps if count < snapshot.horizon), snapshot.horizon]


def _describe_level(
    level: str,
    rows: slice,
    errors: Errors,
    rules: Mapping[Baseline, Errors],
    covered: Mapping[int, Values],
    buckets: Buckets,
) -> Document:
    bucket = buckets.of(errors.horizons)

    def of_bucket(values: Values, number: int) -> Values:
        return values[:, rows][:, :, bucket == number]

    described = {}
    for number in np.unique(bucket).tolist():
        actual = of_bucket(errors.actual, number)
        forecast = of_bucket(errors.forecast, number)
        described[buckets.names[number]] = {
            "bias": metrics.bias(forecast, actual),
            "wape": metrics.wape(forecast, actual),
            **{
                f"wape_{rule}": metrics.wape(of_bucket(each.forecast, number), actual)
                for rule, each in rules.items()
            },
            **{
                f"coverage_{nominal}": metrics.known_mean(of_bucket(within, number))
                for nominal, within in covered.items()
            },
        }
    return described


def _warn_of_rules(
    snapshot: Snapshot, wrmsse: Mapping[str, Mapping[str, float]], fallbacks: Mapping[str, Baseline]
) -> list[str]:
    series = snapshot.hierarchy.n_bottom
    warnings = []
    for rule in Baseline:
        name = rule.describe(snapshot.step)
        count = sum(each is rule for each in fallbacks.values())
        if count == series:
            warnings.append(f"The model was worse than {name}, which forecasts all series instead.")
        elif count:
            warnings.append(
                f"{count:,} of {series:,} series are forecast by {name}, which was better."
            )
        for level in (TOTAL, BOTTOM):
            ours, theirs = wrmsse[_MODEL][level], wrmsse[str(rule)][level]
            if theirs < ours and count < series:
                warnings.append(
                    f"At the level {level}, {name} was better: WRMSSE {theirs:.3f} against "
                    f"{ours:.3f}."
                )
    return warnings


def _warn_of_far_days(snapshot: Snapshot, errors: Errors) -> list[str]:
    """Return a warning if forecasts reach further than any day on which they were judged."""
    judged = errors.horizons[~np.isnan(errors.actual).all(axis=(0, 1))]
    step, last, whole = snapshot.step, int(judged.max(initial=0)), int(errors.horizons.max())
    if last == whole:
        return []
    return [
        f"The history is short: errors more than {last} {step}s ahead are not known, and intervals "
        f"there are those of {last} {step}s."
    ]


def _known_figures(buckets: Mapping[str, Document], name: str) -> dict[str, float]:
    """Return the figures of a name that are known, by days ahead."""
    figures = {days: values[name] for days, values in buckets.items()}
    return {days: value for days, value in figures.items() if np.isfinite(value)}


def _warn_of_figures(levels: Mapping[str, Document], step: Step) -> list[str]:
    """Return a warning of the largest bias of the total, and of each level's worst coverage."""
    warnings = []
    biases = _known_figures(levels[TOTAL], "bias")
    most = max(biases, key=lambda days: abs(biases[days]), default="")
    if biases and abs(biases[most]) > LARGEST_GAP:
        way = "high" if biases[most] > 0 else "low"
        warnings.append(
            f"Forecasts of the total were {abs(biases[most]):.1%} too {way}, {most} {step}s ahead."
        )
    for level, buckets in levels.items():
        shares = _known_figures(buckets, "coverage_80")
        if not shares:
            continue
        worst = max(shares, key=lambda days: abs(shares[days] - 0.8))
        if abs(shares[worst] - 0.8) > LARGEST_GAP:
            warnings.append(
                f"80 % intervals of the level {level} held {shares[worst]:.0%} of the sales, "
                f"{worst} {step}s ahead."
            )
    return warnings
