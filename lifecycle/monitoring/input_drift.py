"""Drift of inputs: a snapshot's newest days against the reference of the bundle that reads them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
from numpy.typing import NDArray

from features.contract import UNKNOWN_CODE, feature_set
from features.data.calendar import NO_HOLIDAY
from features.data.snapshot import Snapshot
from lifecycle.monitoring.findings import Finding
from models.drift.inputs import (
    SILENT_SITE_DAYS,
    find_silent,
    mark_open,
    mark_trading,
    share_in_use,
    sum_groups,
)
from models.drift.reference import CovariateUse, DriftReference
from models.drift.rows import compared_features, month_of, sample_rows
from models.engine import ForecastEngine
from storage.drift_events import Detector, Severity

LOWER = 0.7
"""Ratio below which the event of a figure begins to close."""
STALE_DAYS, VERY_STALE_DAYS = 7, 28
_LEAST_PSI, _LEAST_KS = 0.25, 0.2
"""Figures below which no feature drifts, however steady it was in the reference."""
_OVER_USUAL = 1.5
_CRITICAL_RATIO = 2.0
_UNSEEN, _NEW = 0.02, 0.05
_CRITICAL_UNSEEN = 0.2
_MISSING = 0.25
_CRITICAL_MISSING = 0.75
_LITTLE_USE = 0.2
_LISTED = 3


def find_input_drift(
    reference: DriftReference, engine: ForecastEngine, *, origin: int | None = None
) -> list[Finding]:
    """Return what drifts in the data as of an origin, by default the newest.

    Only figures are returned that are at least `LOWER` times the limit at which events open.
    """
    snapshot = engine.snapshot
    origin = snapshot.newest_origin if origin is None else origin
    findings = [
        *_find_features(reference, engine, origin),
        *_find_unseen(engine, origin),
        *_find_covariates(reference, snapshot, origin),
        *_find_new(engine, origin),
        *_find_silent(snapshot, origin),
    ]
    return [each for each in findings if each.ratio >= LOWER]


def find_stale_data(snapshot: Snapshot, today: date) -> list[Finding]:
    """Return that no newer data have arrived, if so; the demo's data do not age."""
    origin = snapshot.facts.origin
    age = (today - origin).days - (snapshot.step.days - 1)
    ratio = age / max(STALE_DAYS, snapshot.step.days)
    if snapshot.facts.demo or ratio < LOWER:
        return []
    return [
        Finding(
            detector=Detector.STALE_DATA,
            subject="data",
            severity=Severity.CRITICAL if age >= VERY_STALE_DAYS else Severity.WARNING,
            figure=float(age),
            reference=float(snapshot.step.days),
            ratio=ratio,
            since=origin,
            opened=today,
            message=f"The newest sales are of {origin}, {age} days ago: newer data do not arrive.",
            look="/health",
        )
    ]


def _day(snapshot: Snapshot, origin: int) -> date:
    return snapshot.date_at(origin)


# --- features ---------------------------------------------------------------------------------


def _find_features(
    reference: DriftReference, engine: ForecastEngine, origin: int
) -> Iterator[Finding]:
    """Yield one finding for each group of features of which some drift."""
    sketches = reference.sketches
    names = compared_features(engine.bundle.contract.names)
    if sketches is None or sketches.names != names:
        return
    rows = sample_rows(engine.builder, origin)
    if not len(rows):
        return
    snapshot = engine.snapshot
    psi, ks = sketches.compare(rows, month_of(snapshot, origin))
    ratio = np.minimum(
        psi / np.maximum(_LEAST_PSI, _OVER_USUAL * sketches.usual_psi),
        ks / np.maximum(_LEAST_KS, np.minimum(_OVER_USUAL * sketches.usual_ks, 1.0)),
    )
    features = {each.name: each for each in feature_set(snapshot.specification).features}
    groups: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        groups.setdefault(str(features[name].group), []).append(at)
    for group, columns in groups.items():
        worst = sorted(columns, key=lambda at: -ratio[at])
        drifting = [at for at in worst if ratio[at] >= LOWER]
        if not drifting:
            continue
        at = drifting[0]
        listed = ", ".join(
            f"{features[names[each]].label} (PSI {psi[each]:.2f}, KS {ks[each]:.2f})"
            for each in drifting[:_LISTED]
        )
        yield Finding(
            detector=Detector.FEATURES,
            subject=group,
            severity=Severity.WARNING if ratio[at] >= _CRITICAL_RATIO else Severity.INFO,
            figure=float(psi[at]),
            reference=float(sketches.usual_psi[at]),
            ratio=float(ratio[at]),
            since=_day(snapshot, origin),
            opened=_day(snapshot, origin),
            message=(
                f"{len(drifting)} of {len(columns)} features of {group} have other values than at "
                f"this time of the year in training: {listed}; usual there was a PSI of at most "
                f"{sketches.usual_psi[at]:.2f}."
            ),
            look="/explain",
        )


def _find_unseen(engine: ForecastEngine, origin: int) -> Iterator[Finding]:
    """Yield series, and holidays of the days ahead, whose categories training has not seen."""
    snapshot, contract = engine.snapshot, engine.bundle.contract
    bottoms = slice(snapshot.hierarchy.n_upper, None)
    selling = snapshot.may_sell(origin)[bottoms]
    unseen = engine.bundle.find_unseen(snapshot)[bottoms] & selling
    share = float(unseen.sum() / max(selling.sum(), 1))
    day = _day(snapshot, origin)
    yield Finding(
        detector=Detector.UNSEEN,
        subject="series",
        severity=Severity.CRITICAL if share >= _CRITICAL_UNSEEN else Severity.WARNING,
        figure=share,
        reference=0.0,
        ratio=share / _UNSEEN,
        since=day,
        opened=day,
        message=(
            f"{share:.1%} of the series have a store, family or other attribute that the model "
            "has not seen. Train again with their sales."
        ),
        look="/hierarchy",
    )
    ahead = snapshot.calendar.names[origin + 1 : origin + 1 + snapshot.horizon]
    holidays = sorted(set(ahead[ahead != NO_HOLIDAY].tolist()))
    codes = contract.code("holiday", holidays) if "holiday" in contract.categories else np.zeros(0)
    new = [name for name, code in zip(holidays, codes, strict=True) if code == UNKNOWN_CODE]
    if new:
        yield Finding(
            detector=Detector.UNSEEN,
            subject="holiday",
            severity=Severity.INFO,
            figure=float(len(new)),
            reference=0.0,
            since=day,
            opened=day,
            message=(
                f"Holidays or events ahead that the model has not seen: {', '.join(new[:_LISTED])}"
                ". It forecasts these days as ordinary ones."
            ),
            look="/meta",
        )


# --- covariates -------------------------------------------------------------------------------


def _find_covariates(
    reference: DriftReference, snapshot: Snapshot, origin: int
) -> Iterator[Finding]:
    for covariate in snapshot.specification.known_ahead:
        use = reference.covariates.get(covariate.name)
        if use is None:
            continue
        values = snapshot.covariates[covariate.name]
        yield from _find_missing(use, values, covariate.name, snapshot, origin)
        if covariate.kind.adds_up:
            yield from _find_unused(use, values, covariate.name, snapshot, origin)


def _find_missing(
    use: CovariateUse,
    values: NDArray[np.float32],
    name: str,
    snapshot: Snapshot,
    origin: int,
) -> Iterator[Finding]:
    ahead = values[:, origin + 1 : origin + 1 + use.lead]
    if not ahead.size or use.known <= 0:
        return
    known = float((~np.isnan(ahead)).mean())
    lost = (use.known - known) / use.known
    day = _day(snapshot, origin)
    yield Finding(
        detector=Detector.COVARIATE_MISSING,
        subject=name,
        severity=Severity.CRITICAL if lost >= _CRITICAL_MISSING else Severity.WARNING,
        figure=known,
        reference=use.known,
        ratio=lost / _MISSING,
        since=day,
        opened=day,
        message=(
            f"{name} is known for {known:.0%} of the {use.lead} {snapshot.step}s after {day}, in "
            f"training for {use.known:.0%}: forecasts are made without it."
        ),
        look="/meta",
    )


def _find_unused(
    use: CovariateUse,
    values: NDArray[np.float32],
    name: str,
    snapshot: Snapshot,
    origin: int,
) -> Iterator[Finding]:
    least = use.least[month_of(snapshot, origin) - 1]
    if not least > 0:  # unknown, or 0 in such a season
        return
    end = origin + 1
    windows = {"in the newest days of sales": values[:, max(end - use.window, 0) : end]}
    ahead = values[:, end : end + use.lead]
    if ahead.shape[1] >= use.window // 2:
        windows["in the days ahead"] = ahead
    shares = {where: share_in_use(each) for where, each in windows.items()}
    where = min(shares, key=lambda each: np.nan_to_num(shares[each], nan=np.inf))
    share = shares[where]
    if np.isnan(share):
        return
    day = _day(snapshot, origin)
    yield Finding(
        detector=Detector.COVARIATE_UNUSED,
        subject=name,
        severity=Severity.CRITICAL if share == 0 else Severity.WARNING,
        figure=share,
        reference=float(least),
        ratio=_LITTLE_USE / max(share / least, 1e-6) if share else 1 / LOWER,
        since=day,
        opened=day,
        message=(
            f"{name} is {'0 everywhere' if share == 0 else f'not 0 for only {share:.1%}'} {where}; "
            f"at this time of the year it was not 0 for at least {least:.1%} in training. Check "
            "that the column is delivered."
        ),
        look="/exceptions",
    )


# --- series -----------------------------------------------------------------------------------


def _find_new(engine: ForecastEngine, origin: int) -> Iterator[Finding]:
    snapshot = engine.snapshot
    trained = snapshot.index_of(engine.bundle.facts.trained_through)
    first = snapshot.first_sale[snapshot.hierarchy.n_upper :]
    sold, new = first <= origin, (first > trained) & (first <= origin)
    share = float(new.sum() / max(sold.sum(), 1))
    day = _day(snapshot, origin)
    yield Finding(
        detector=Detector.NEW_SERIES,
        subject="series",
        severity=Severity.INFO,
        figure=share,
        reference=0.0,
        ratio=share / _NEW,
        since=day,
        opened=day,
        message=(
            f"{int(new.sum())} series ({share:.1%}) have sold for the first time since the "
            "training. Train again to forecast them by their own sales."
        ),
        look="/exceptions",
    )


def _find_silent(snapshot: Snapshot, origin: int) -> Iterator[Finding]:
    """Yield sites that sell nothing, and series that do not while their site sells."""
    hierarchy, step = snapshot.hierarchy, snapshot.step
    sales = snapshot.sales[hierarchy.n_upper :, : origin + 1]
    counted = ~np.isnan(snapshot.targets(slice(hierarchy.n_upper, None), np.arange(origin + 1)))
    sales = np.where(counted, sales, np.nan)
    group = hierarchy.group_of(snapshot.specification.site)
    sites = sum_groups(sales, group)
    # a site is judged on days that count for some of its series, and on which another site sells
    judged = (sum_groups(counted.astype(np.float64), group) > 0) & mark_trading(sites)
    silent = find_silent(sites, judged, least=max(SILENT_SITE_DAYS // step.days, 1))
    of_site = hierarchy.bottoms[snapshot.specification.site]
    label = snapshot.specification.label(snapshot.specification.site)
    for number in np.flatnonzero(silent >= LOWER):
        name = of_site[int(np.flatnonzero(group == number)[0])]
        last = int(np.flatnonzero(sites[number] > 0)[-1])
        yield Finding(
            detector=Detector.SILENT_SITE,
            subject=f"{label}:{name}",
            severity=Severity.CRITICAL,
            figure=float(origin - last),
            reference=0.0,
            ratio=float(silent[number]),
            since=_day(snapshot, last + 1),
            opened=_day(snapshot, origin),
            message=(
                f"{label} {name} has sold nothing since {_day(snapshot, last)}, while others have, "
                "and its days are not stated as closed."
            ),
            look=f"/historical?node={label}:{name}",
        )
    ratios = find_silent(sales, mark_open(sales, group), least=max(14 // step.days, 2))
    rows = np.flatnonzero(ratios >= LOWER)
    if len(rows):
        worst = rows[np.argsort(-ratios[rows])]
        names = ", ".join(hierarchy.nodes[hierarchy.n_upper + row].id for row in worst[:_LISTED])
        day = _day(snapshot, origin)
        yield Finding(
            detector=Detector.SILENT_SERIES,
            subject="series",
            severity=Severity.WARNING,
            figure=float((ratios >= 1).sum()),
            reference=0.0,
            ratio=float(ratios.max()),
            since=day,
            opened=day,
            message=(
                f"{len(rows)} series sell nothing for longer than ever in a year, while their "
                f"sites sell: {names}."
            ),
            look="/exceptions?kind=stockout",
        )
