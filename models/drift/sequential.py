"""Sequential tests of daily measures against a reference, one for each cell.

A cell is a group of series in a bucket of days ahead. A day's value, less the reference's mean of
its weekday, over the reference's standard deviation, is clipped at `CLIP`, so that a single strange
day can never raise an alarm, and is added up by a CUSUM (Page, Biometrika 1954): the sum of what
exceeds a slack, never below 0. The slack is half of the change that is worth an alarm, at least
half a standard deviation, so that a change that nobody would act on is not noticed, however sure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

CLIP = 4.0
"""Standard deviations at which a day's value is clipped."""
LEAST_DAYS = 4
"""Days that an alarm takes at least, however large the change."""
MIN_REFERENCE_DAYS = 42
"""Days of reference below which a cell is not tested."""

_BLOCK_DAYS = 28
_DRAWS = 200
_CHUNK_CELLS = 40_000
_EULER = 0.5772156649
_WEEKDAY_SHRINKAGE = 4.0
_OUTLIER = 4.0
_MAD = 1.4826
_LEAST_SD = 1e-3
_TAIL = 0.01
_LEAST_TAIL = 20
_USUAL = 0.9
_LEAST_DAY = 5.0
_MOST_CORRELATION = 0.9
_SURE = 1.64
"""Standard errors by which the mean of a reference may be wrong."""


@dataclass(frozen=True)
class Cells:
    """Reference of one measure.

    Attributes:
        mean: of each weekday, shape (weekdays, groups, buckets); NaN in cells that are not tested.
        sd: of the days about it, shape (groups, buckets).
        correlation: of a day with the next one, of the same shape.
        slack: of the CUSUM, in standard deviations, of the same shape.
        limit: of the CUSUM of rises, in standard deviations, of the same shape.
        limit_down: of the CUSUM of falls, of the same shape.
        day_limit: of a single day's absolute value, in standard deviations, of the same shape.
    """

    mean: Values
    sd: Values
    correlation: Values
    slack: Values
    limit: Values
    limit_down: Values
    day_limit: Values

    def standardise(self, values: Values, weekday: NDArray[np.intp]) -> Values:
        """Return daily values in standard deviations from the mean of their weekday.

        Args:
            values: shape (days, groups, buckets).
            weekday: of the days, shape (days,).
        """
        return np.asarray((values - self.mean[weekday]) / self.sd)


def accumulate(scores: Values, slack: Values) -> Values:
    """Return the CUSUM of scores along the first axis; a day that is not known changes nothing."""
    level = np.zeros(scores.shape[1:])
    sums = np.empty_like(scores)
    steps = np.nan_to_num(np.clip(scores, -CLIP, CLIP) - slack)
    for day, step in enumerate(steps):
        level = np.maximum(level + step, 0)
        sums[day] = level
    return sums


def begins(sums: Values) -> NDArray[np.intp]:
    """Return the day on which each sum last left 0, of the shape of `sums`: since when it rises."""
    days = np.arange(len(sums)).reshape(-1, *([1] * (sums.ndim - 1)))
    zero = np.where(sums <= 0, days, -1)
    return np.asarray(np.minimum(np.maximum.accumulate(zero, axis=0) + 1, days))


def fit_cells(
    values: Values,
    weekday: NDArray[np.intp],
    *,
    change: float,
    rate: float,
    year: int,
    both: bool = False,
    least_sd: Values | float = _LEAST_SD,
    least_mean: float | None = None,
    seed: int = 0,
) -> Cells:
    """Compute the reference of a measure, with limits for a rate of false alarms.

    Args:
        values: of consecutive days, shape (days, groups, buckets); NaN where not known.
        weekday: of the days, shape (days,).
        change: of the measure that is worth an alarm, in its own unit.
        rate: expected number of false alarms of all cells together in a year.
        year: days of a year.
        both: whether falls are alarms as well, and share the rate.
        least_sd: least standard deviation of a cell, such as that of a binomial share.
        least_mean: least mean, such as the nominal share of misses: a cell that had fewer is not
            said to drift when it has as many as it should.
    """
    mean, sd = _describe(values, weekday)
    sd = np.maximum(sd, least_sd)
    if least_mean is not None:
        mean = np.fmax(mean, np.where(np.isnan(mean), np.nan, least_mean))
    with np.errstate(invalid="ignore"):
        scores = (values - mean[weekday]) / sd
        slack = np.maximum(0.5, change / 2 / sd)
    tested = ~np.isnan(sd)
    count = max(int(tested.sum()), 1)
    limits = np.full((2, *sd.shape), np.nan)
    share = rate / count / (2 if both else 1)
    if tested.any():
        drawn = _draw_limits(scores[:, tested], slack[tested], share, year=year, seed=seed)
        limits[:, tested] = np.maximum(
            drawn, _limit_by_correlation(scores[:, tested], slack[tested], share, year=year)
        )
    return Cells(
        mean=mean,
        sd=sd,
        correlation=_correlate(scores),
        slack=slack,
        limit=limits[0],
        limit_down=limits[1],
        day_limit=_limit_days(scores, rate / count / year),
    )


def _describe(values: Values, weekday: NDArray[np.intp]) -> tuple[Values, Values]:
    """Return the means by weekday and the standard deviations, without what outliers add."""
    tested = (~np.isnan(values)).sum(axis=0) >= MIN_REFERENCE_DAYS
    values = np.where(tested, values, np.nan)
    shape = (int(weekday.max()) + 1, *values.shape[1:])
    with np.errstate(all="ignore"):
        centre = _nan(np.nanmedian, values)
        # half of the values may be equal, as are days on which nothing misses its interval
        spread = _OUTLIER * np.maximum(
            _MAD * _nan(np.nanmedian, np.abs(values - centre)), _nan(np.nanstd, values) / 2
        )
        clipped = np.clip(values, centre - spread, centre + spread)
        whole = _nan(np.nanmean, clipped)
        mean = np.empty(shape)
        for number in range(shape[0]):
            of_day = clipped[weekday == number] - whole
            count = (~np.isnan(of_day)).sum(axis=0)
            mean[number] = whole + np.nansum(of_day, axis=0) / (count + _WEEKDAY_SHRINKAGE)
        sd = np.maximum(_nan(np.nanstd, clipped - mean[weekday]), _LEAST_SD)
    return mean, np.where(tested, sd, np.nan)


def _nan(reduce: Callable[..., Any], values: Values) -> Values:
    """Apply a reduction over days; NaN, and no warning, where no day is known."""
    result = np.full(values.shape[1:], np.nan)
    known = ~np.isnan(values).all(axis=0)
    if known.any():
        result[known] = reduce(values[:, known], axis=0)
    return result


def _correlate(scores: Values) -> Values:
    """Return the correlation of each day's score with the next one's."""
    products = np.clip(scores[1:], -CLIP, CLIP) * np.clip(scores[:-1], -CLIP, CLIP)
    squares = np.clip(scores, -CLIP, CLIP) ** 2
    with np.errstate(all="ignore"):
        return np.asarray(np.clip(_nan(np.nanmean, products) / _nan(np.nanmean, squares), -1, 1))


def _draw_limits(
    scores: Values, slack: Values, share: float, *, year: int, seed: int
) -> tuple[Values, Values]:
    """Return the limits of rises and falls that a year without drift exceeds with a probability.

    Args:
        scores: of the reference, shape (days, cells).
        slack: shape (cells,).
        share: probability for each cell.
    """
    # Years are drawn from the reference's own days, in blocks, as neighbouring days err together
    # (Künsch, Annals of Statistics 1989); the blocks are the same for all cells. Each year is
    # judged against a reference that is drawn in the same way, because mean and deviation of a few
    # dozen weeks are uncertain too: judged against the days that it is drawn from, a year would
    # look calmer than any real one. Maxima of a CUSUM over a long time follow Gumbel's
    # distribution, whose tail gives limits for probabilities that no number of draws would show.
    draw = np.random.default_rng(seed)
    days, cells = scores.shape
    size = min(_BLOCK_DAYS, max(days // 3, 1))
    chunk = max(1, _CHUNK_CELLS // cells)
    maxima: list[list[Values]] = [[], []]
    clipped = np.clip(scores, -CLIP, CLIP)
    for start in range(0, _DRAWS, chunk):
        count = min(chunk, _DRAWS - start)
        reference = clipped[_draw_days(draw, days, days, size, count)]
        with np.errstate(all="ignore"):
            mean = np.nan_to_num(_nan(np.nanmean, reference.swapaxes(0, 1)))
            sd = _nan(np.nanstd, reference.swapaxes(0, 1))
        sd = np.where(sd > _LEAST_SD, sd, 1.0)
        drawn = clipped[_draw_days(draw, days, year, size, count)].swapaxes(0, 1)
        judged = (drawn - mean) / sd
        for side, signed in zip(maxima, (judged, -judged), strict=True):
            side.append(accumulate(signed, slack).max(axis=0))
    least = (LEAST_DAYS - 1 + 1e-6) * np.maximum(CLIP - slack, 0.5)
    rises, falls = (np.maximum(_gumbel(np.concatenate(side), share), least) for side in maxima)
    return rises, falls


def _limit_by_correlation(scores: Values, slack: Values, share: float, *, year: int) -> Values:
    """Return the limits of cells whose days are correlated like those of a first-order process.

    A reference of a few dozen weeks holds few long excursions, and years that are drawn from it
    hold no longer ones. The chance that a CUSUM exceeds h falls as exp(-2 k h / v), k being its
    slack and v the long-run variance of its scores (Siegmund, "Sequential Analysis", 1985); what
    the mean of the reference is wrong by comes off the slack.
    """
    days = (~np.isnan(scores)).sum(axis=0)
    correlation = np.nan_to_num(_correlate(scores))
    correlation = np.clip(correlation + (1 + 3 * correlation) / days, 0, _MOST_CORRELATION)
    variance = (1 + correlation) / (1 - correlation)
    usable = np.maximum(slack - _SURE * np.sqrt(variance / days), slack / 4)
    decay = 2 * usable / variance
    # a year holds as many excursions as days, over the days that one takes
    excursions = year * usable**2 / variance
    return np.asarray(np.log(np.maximum(excursions, 1) / share) / decay)


def _draw_days(
    draw: np.random.Generator, days: int, count: int, size: int, draws: int
) -> NDArray[np.intp]:
    """Return `draws` samples of `count` days in circular blocks, shape (draws, count)."""
    starts = draw.integers(0, days, (draws, -(-count // size)))
    blocks = starts[:, :, None] + np.arange(size)
    return np.asarray(blocks.reshape(draws, -1)[:, :count] % days)


def _gumbel(maxima: Values, share: float) -> Values:
    """Return the quantile that maxima exceed with a probability, shape (cells,)."""
    scale = maxima.std(axis=0) * np.sqrt(6) / np.pi
    location = maxima.mean(axis=0) - _EULER * scale
    return np.asarray(location - scale * np.log(-np.log1p(-min(share, 0.5))))


def _limit_days(scores: Values, share: float) -> Values:
    """Return the absolute score that a day of each cell exceeds with a probability.

    Scores over their cell's `_USUAL` quantile are pooled over the cells, and their tail is taken
    for that of a power (Hill, Annals of Statistics 1975), heavier than that of a normal
    distribution.
    """
    sizes = np.abs(scores)
    with np.errstate(all="ignore"):
        usual = _nan(lambda values, axis: np.nanquantile(values, _USUAL, axis=axis), sizes)
        pooled = sizes / usual
    pooled = np.sort(pooled[np.isfinite(pooled)])[::-1]
    count = max(int(_TAIL * len(pooled)), min(_LEAST_TAIL, len(pooled) - 1))
    if count < 1:
        return np.full(usual.shape, np.inf)
    threshold = max(pooled[count], _LEAST_SD)
    shape = max(float(np.log(pooled[:count] / threshold).mean()), 0.05)
    limits = usual * threshold * max(count / len(pooled) / share, 1.0) ** shape
    return np.asarray(np.maximum(limits, _LEAST_DAY))


@dataclass(frozen=True)
class Span:
    """Days on which a group drifts, as positions.

    Attributes:
        bucket: the one in which it was noticed.
        start: the first day of the drift.
        opened: the day on which it was noticed.
        closed: the day on which it was over; None if it is not.
    """

    bucket: int
    start: int
    opened: int
    closed: int | None


def find_spans(
    scores: Values,
    slack: Values,
    limit: Values,
    *,
    is_large: Callable[[int, int, int], bool],
    is_small: Callable[[int, int], bool],
    quiet: int,
) -> list[Span]:
    """Return the spans in which a group drifts, with hysteresis.

    A span opens on the day on which the CUSUM of a bucket is over its limit and the change since
    it left 0 is large. It closes once the change was small for some days, and all sums begin anew.

    Args:
        scores: of the group, in the direction that is tested, shape (days, buckets).
        slack, limit: of its cells, shape (buckets,).
        is_large: of a bucket, the first and the last day of the change.
        is_small: of a bucket and a day: whether the change is over, as of that day.
        quiet: days on which it must be.
    """
    spans: list[Span] = []
    begin = 0
    while begin < len(scores):
        sums = accumulate(scores[begin:], slack)
        starts = begins(sums)
        span = None
        for day, bucket in zip(*np.nonzero(sums >= limit), strict=True):
            start = begin + int(starts[day, bucket])
            if is_large(int(bucket), start, begin + int(day)):
                span = Span(int(bucket), start, begin + int(day), None)
                break
        if span is None:
            break
        below = 0
        for day in range(span.opened + 1, len(scores)):
            if np.isnan(scores[day, span.bucket]):
                continue
            below = below + 1 if is_small(span.bucket, day) else 0
            if below >= quiet:
                span = Span(span.bucket, span.start, span.opened, day)
                break
        spans.append(span)
        if span.closed is None:
            break
        begin = span.closed + 1
    return spans
