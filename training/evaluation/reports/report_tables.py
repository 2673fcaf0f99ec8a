"""Tables of a backtest as text, for the report and the model card.

In the document of a backtest, a *bucket* is a range of days ahead, such as 8-16 (see
`models.intervals.BUCKETS`), and a *cell* is the scores of the intervals of one level in one bucket.

A mean over windows leaves out those in which a figure does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import numpy as np

from features.data.snapshot import SnapshotFacts
from features.data.specification import TOTAL
from training.evaluation.backtest_result import OURS, PREVIOUS, Document
from training.evaluation.reports.page import Table
from training.evaluation.windows import APART, HOLDOUT, TUNING

NOTHING = "n/a"

ROLES = {
    TUNING: "averaged; may choose between models",
    HOLDOUT: "scored once, at the end; chooses nothing",
    APART: "shown; in no average",
}


def number(value: float | None, digits: int = 4) -> str:
    return NOTHING if value is None else f"{value:,.{digits}f}"


def percent(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1%}"


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the figures that exist; None if none does."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def ratio(value: float | None, other: float | None) -> float | None:
    return value / other if value is not None and other else None


def models_of(document: Document) -> list[str]:
    """Return the names of the models: ours, the previous bundle, then the baselines."""
    names = dict.fromkeys(name for window in document["windows"] for name in window["models"])
    return sorted(names, key=lambda name: (name != OURS, name != PREVIOUS))


def select_windows(
    document: Document, *, role: str | None = None, group: str | None = None
) -> list[Document]:
    """Return the windows of a role and a group; None selects all."""
    return [
        window
        for window in document["windows"]
        if role in (None, window["role"]) and group in (None, window["group"])
    ]


def groups_of(document: Document) -> list[str]:
    return list(dict.fromkeys(window["group"] for window in document["windows"]))


def first_day(window: Document) -> date:
    return date.fromisoformat(window["origin"]) + timedelta(days=1)


def last_day(window: Document) -> date:
    return date.fromisoformat(window["origin"]) + timedelta(days=window["days"])


def select_overlapping_holdout(document: Document) -> list[Document]:
    """Return the averaged windows that contain days of the holdout."""
    return [
        window
        for window in select_windows(document, role=TUNING)
        if any(
            first_day(window) <= last_day(holdout) and first_day(holdout) <= last_day(window)
            for holdout in select_windows(document, role=HOLDOUT)
        )
    ]


# --- data and windows -------------------------------------------------------------------------


def data_table(document: Document) -> Table:
    facts = SnapshotFacts.model_validate(document["facts"])
    nodes = [f"{count:,} {level}" for level, count in document["nodes"].items()]
    return Table(
        "The data",
        ("what", "value"),
        (
            ("Snapshot (newest origin, digest)", document["snapshot"]),
            ("First day", facts.first_date.isoformat()),
            ("Last day with sales", facts.origin.isoformat()),
            ("Covariates known through", facts.known_through.isoformat()),
            ("Nodes by level", ", ".join(nodes)),
        ),
    )


def roles_table(document: Document) -> Table:
    """Tabulate the windows' roles and the last days that their models have seen."""
    return Table(
        "Windows, their roles, and the last day that the model of each has seen",
        (
            *("windows", "days forecast", "promotions known for", "role"),
            *("model fitted through", "largest incoherence"),
        ),
        tuple(
            (
                window["group"],
                f"{first_day(window)} to {last_day(window)}",
                f"{window['promotions_known_days']} days",
                f"{window['role']}: {ROLES[window['role']]}",
                window["fitted_through"],
                f"{window['incoherence']:.1g}",
            )
            for window in document["windows"]
        ),
    )


# --- points -----------------------------------------------------------------------------------


def means_table(document: Document) -> Table:
    return Table(
        "Means over the averaged windows of each group",
        ("windows", "model", "RMSLE", "WRMSSE", "windows averaged"),
        tuple(
            (
                group,
                name,
                number(scores["rmsle"]),
                number(scores["wrmsse"]),
                str(scores["windows"]),
            )
            for group, models in document["means"].items()
            for name, scores in models.items()
        ),
    )


def windows_table(document: Document, measure: str) -> Table:
    """Tabulate one measure of every model in every window."""
    models = models_of(document)
    return Table(
        f"{measure.upper()} by window and model",
        ("windows", "origin", "role", *models),
        tuple(
            (
                window["group"],
                window["origin"],
                window["role"],
                *(number(window["models"].get(name, {}).get(measure)) for name in models),
            )
            for window in document["windows"]
        ),
    )


def previous_table(document: Document) -> Table | None:
    """Tabulate ours and the previous bundle on the windows unseen by both; None if none."""
    rows = []
    for group in groups_of(document):
        both = [
            window["models"]
            for window in select_windows(document, group=group)
            if PREVIOUS in window["models"]
        ]
        for name in (OURS, PREVIOUS) if both else ():
            figures = (
                number(mean(scores[name][measure] for scores in both))
                for measure in ("rmsle", "wrmsse")
            )
            rows.append((group, name, *figures, str(len(both))))
    if not rows:
        return None
    return Table(
        "Ours and the bundle that served at the time, on the windows that neither has seen",
        ("windows", "model", "RMSLE", "WRMSSE", "windows averaged"),
        tuple(rows),
    )


def holdout_table(document: Document) -> Table:
    levels = list(document["nodes"])
    return Table(
        "The holdout",
        ("model", "origin", "RMSLE", "WRMSSE", *(f"WAPE, {level}" for level in levels)),
        tuple(
            (
                name,
                window["origin"],
                number(scores["rmsle"]),
                number(scores["wrmsse"]),
                *(percent(scores["levels"][level]["wape"]) for level in levels),
            )
            for window in select_windows(document, role=HOLDOUT)
            for name, scores in window["models"].items()
        ),
    )


def models_by_level_table(document: Document, group: str) -> Table:
    """Tabulate the mean WAPE of every model at every level."""
    windows = select_windows(document, role=TUNING, group=group)
    models = [name for name in models_of(document) if all(name in w["models"] for w in windows)]
    return Table(
        f"WAPE by level and model, mean of the averaged windows of {group}",
        ("level", *models),
        tuple(
            (
                level,
                *(
                    percent(mean(w["models"][name]["levels"][level]["wape"] for w in windows))
                    for name in models
                ),
            )
            for level in document["nodes"]
        ),
    )


def bucket_mean(windows: Sequence[Document], level: str, bucket: str, measure: str) -> float | None:
    """Return the mean over windows of one of our scores, at one level and in one bucket."""
    return mean(
        window["models"][OURS]["levels"][level]["buckets"].get(bucket, {}).get(measure)
        for window in windows
    )


def buckets_of(windows: Sequence[Document]) -> list[str]:
    """Return the names of the horizon buckets that windows reach, nearest first."""
    return list(
        dict.fromkeys(
            bucket
            for window in windows
            for level in window["models"][OURS]["levels"].values()
            for bucket in level["buckets"]
        )
    )


def levels_table(document: Document, group: str) -> Table:
    """Tabulate our figures by level and by days ahead."""
    windows = select_windows(document, role=TUNING, group=group)
    return Table(
        f"{OURS} by level and days ahead, mean of the averaged windows of {group}",
        ("level", "days ahead", "RMSLE", "WAPE", "bias"),
        tuple(
            (
                level,
                bucket,
                number(bucket_mean(windows, level, bucket, "rmsle")),
                percent(bucket_mean(windows, level, bucket, "wape")),
                percent(bucket_mean(windows, level, bucket, "bias")),
            )
            for level in document["nodes"]
            for bucket in buckets_of(windows)
        ),
    )


# --- intervals --------------------------------------------------------------------------------


def nominals_of(document: Document) -> list[str]:
    """Return the evaluated nominal coverages, such as 80%."""
    cells = [cell for level in document["intervals"]["levels"].values() for cell in level.values()]
    return [key for key in cells[0] if key.endswith("%")]


def share_of(nominal: str) -> float:
    return float(nominal.removesuffix("%")) / 100


def wider_than_nominal(document: Document) -> tuple[int, int]:
    """Return how many coverages exceed their nominal one, and how many there are.

    There is one coverage for every level, bucket and nominal coverage, as in `coverage_table`.
    """
    above = [
        cell[nominal]["coverage"] > share_of(nominal)
        for buckets in document["intervals"]["levels"].values()
        for cell in buckets.values()
        for nominal in nominals_of(document)
    ]
    return sum(above), len(above)


def coverage_table(document: Document) -> Table:
    nominals = nominals_of(document)
    return Table(
        "Share of the values within their intervals, and mean width in units",
        (
            *("level", "days ahead"),
            *(f"{nominal} interval covers" for nominal in nominals),
            *(f"width of {nominal}" for nominal in nominals),
        ),
        tuple(
            (
                level,
                bucket,
                *(percent(cell[nominal]["coverage"]) for nominal in nominals),
                *(number(cell[nominal]["width"], 1) for nominal in nominals),
            )
            for level, buckets in document["intervals"]["levels"].items()
            for bucket, cell in buckets.items()
        ),
    )


def wis_table(document: Document) -> Table:
    return Table(
        "Weighted interval score in units, lower is better; a ratio below 1 favours ours",
        ("level", "days ahead", OURS, "normal approximation", "ratio"),
        tuple(
            (
                level,
                bucket,
                number(cell["wis"], 2),
                number(cell["wis_normal"], 2),
                number(ratio(cell["wis"], cell["wis_normal"]), 3),
            )
            for level, buckets in document["intervals"]["levels"].items()
            for bucket, cell in buckets.items()
        ),
    )


def bootstrap_table(document: Document) -> Table:
    """Tabulate the coverage of the total with its uncertainty.

    The total is a single series, so its coverage rests on few values, whereas the coverage of
    another level is a mean over many series.
    """
    return Table(
        "Coverage of the total, with its 95% bootstrap interval over origins",
        (
            *("days ahead", "nominal", "coverage"),
            *("coverage, lower bound", "coverage, upper bound", "nominal within bounds"),
        ),
        tuple(
            (
                bucket,
                nominal,
                percent(cell[nominal]["coverage"]),
                percent(cell[nominal]["coverage_low"]),
                percent(cell[nominal]["coverage_high"]),
                "yes" if _is_within(cell[nominal], share_of(nominal)) else "no",
            )
            for bucket, cell in document["intervals"]["levels"][TOTAL].items()
            for nominal in nominals_of(document)
        ),
    )


def _is_within(entry: Document, nominal: float) -> bool:
    return bool(entry["coverage_low"] <= nominal <= entry["coverage_high"])


def freezing_dates(dates: Sequence[str]) -> str:
    """Describe the number of frozen models and the dates at which they were frozen."""
    models = "a model" if len(dates) == 1 else f"{len(dates)} models"
    return f"{models} frozen at {', '.join(dates)}"


# --- response to promotions -------------------------------------------------------------------


def response_table(curve: Document, level: str, step: str) -> Table:
    """Return the responses of forecasts and of past sales to multiples of a covariate."""
    factors = list(curve["members"][0]["responses"])
    return Table(
        f"Response to multiples of {curve['name']}",
        (
            level,
            f"planned for a {step}",
            *(f"forecast × {factor}" for factor in factors),
            *(f"sold × {factor} ({step}s)" for factor in factors),
        ),
        tuple(
            (
                member["node"].removeprefix(f"{level}:"),
                number(member["planned"], 1),
                *(number(member["responses"][factor]["forecast"], 2) for factor in factors),
                *(_format_sold(member["responses"][factor]) for factor in factors),
            )
            for member in curve["members"]
        ),
    )


def _format_sold(response: Document) -> str:
    return f"{number(response['sold'], 2)} ({response['steps_sold']})"
