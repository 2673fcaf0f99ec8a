"""The model card, generated: every figure in it is read from a backtest's document.

Sections follow Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019).
"""

from __future__ import annotations

from typing import Any

from training.evaluation.backtest_result import OURS, Document
from training.evaluation.reports import report_tables
from training.evaluation.reports.page import Table
from training.evaluation.windows import HOLDOUT, SHORT_DAYS, TUNING

_HEAD = """\
<!-- Made by `mlrf card` from the document of a backtest. Do not edit: run it again. -->

# Model card: MLRF

For readers who rely on forecasts of this model: what it was trained on, what it is meant for, how
good it is, and where it fails.

- [The model](#the-model)
- [Data](#data)
- [Training recipe](#training-recipe)
- [Intended use](#intended-use)
- [Figures](#figures)
- [Limitations](#limitations)
- [Reproduce](#reproduce)
"""

_USES = """\
## Intended use

For planners, and for applications that they use: daily unit sales of every store and product
family, of every store, of every family and in total, that add up; what a promotion would change;
how uncertain a figure is.

Not intended:

- single articles, hours of a day, or prices: the model knows none of them;
- days beyond the last horizon of the recipe;
- judging people, such as the staff of a store;
- another retailer's data: train on them instead, and backtest there;
- the effect of a promotion as a cause: the model has learnt what went with promotions, and a
  what-if repeats that.
"""


def model_card(document: Document) -> str:
    """Render the card as Markdown; the same document gives the same card."""
    sections = (
        _HEAD,
        _render_model(document),
        _render_data(document),
        _render_recipe(document["recipe"]),
        _USES,
        _render_figures(document),
        _render_limitations(document),
        _render_reproduce(document),
    )
    return "\n".join(sections)


def _render_model(document: Document) -> str:
    reach = document["recipe"]["segments"][-1]["last_horizon"]
    return f"""\
## The model

Gradient-boosted trees (LightGBM) forecast each bottom series, a product family in a store,
directly for every day up to {reach} days after the last known sales. Features are the series' past
at that day, the calendar, holidays and planned promotions. Forecasts of
all levels are coherent after reconciliation: the largest difference of a node from the sum of its
bottom series, relative to that sum, is {_largest_incoherence(document)} over all windows.
Intervals are quantiles of the errors of models that were trained only on earlier days.
"""


def _largest_incoherence(document: Document) -> str:
    return f"{max(window['incoherence'] for window in document['windows']):.1g}"


def _render_data(document: Document) -> str:
    return f"""\
## Data

{_render_table(report_tables.data_table(document))}
The name of the snapshot ends in a digest of all of it; the same tables give the same name.
"""


def _render_recipe(recipe: dict[str, Any]) -> str:
    parts = ["## Training recipe\n", _render_settings(recipe)]
    for place, segment in enumerate(recipe["segments"], start=1):
        parts.append(f"Segment {place}, up to {segment['last_horizon']} days ahead:\n")
        parts.append(_render_settings(segment))
        parts.append(_render_table(_tabulate_members(segment["members"])))
    parts.append(
        "The boosters of a segment are joined into one, with the weights of `blend`, which may "
        "also name boosters of segments before it. Target `log` is squared error of log1p units, "
        "`median` absolute error of log1p units, `mean` Tweedie deviance of units plus one.\n"
    )
    return "\n".join(parts)


def _render_settings(values: dict[str, Any]) -> str:
    """Render single values and mappings as a list, a line each; lists are omitted."""
    lines = [
        f"- `{name}`: {_format_values(value) if isinstance(value, dict) else value}"
        for name, value in values.items()
        if not isinstance(value, list)
    ]
    return "\n".join(lines) + "\n"


def _format_values(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _tabulate_members(members: list[dict[str, Any]]) -> Table:
    columns = [name for name in members[0] if name != "parameters"]
    return Table(
        "Boosters",
        ("booster", *columns, "parameters"),
        tuple(
            (
                str(place),
                *(str(member[name]) for name in columns),
                _format_values(member["parameters"]),
            )
            for place, member in enumerate(members, start=1)
        ),
    )


def _render_figures(document: Document) -> str:
    parts = [
        "## Figures\n",
        "From a backtest: the model is fitted anew before each window on the days up to its "
        "origin ([how](../explanation/backtest.md)). [Measures](measures.md) defines the "
        "figures.\n",
        _render_table(report_tables.roles_table(document)),
        "### Means\n",
        "Windows whose promotions are known, and the same windows with promotions hidden, show "
        "what planning is worth.\n",
        _render_table(report_tables.means_table(document)),
        "### Holdout\n",
        _render_holdout(document),
        _render_table(report_tables.holdout_table(document)),
    ]
    if previous := report_tables.previous_table(document):
        parts += ["### The bundle before\n", _render_table(previous)]
    parts.append("### By level and days ahead\n")
    for group in document["means"]:
        parts.append(_render_table(report_tables.models_by_level_table(document, group)))
        parts.append(_render_table(report_tables.levels_table(document, group)))
    parts += ["### Intervals\n", _render_intervals(document)]
    parts += [
        _render_table(table)
        for table in (
            report_tables.coverage_table(document),
            report_tables.bootstrap_table(document),
            report_tables.wis_table(document),
        )
    ]
    if response := document.get("response"):
        parts.append(_render_response(response))
    return "\n".join(parts)


def _render_response(response: Document) -> str:
    level, step = response["level"], response["step"]
    parts = [
        "### Response to promotions\n",
        f"*Forecast*: from {response['origin']} for each {level}, if the promotions of the whole "
        f"{level} are multiplied and all others stay as planned, relative to the forecast with the "
        f"plan. *Sold*: on past {step}s on which the {level} had about that multiple of its usual "
        f"promotions, relative to its usual sales; the median, and how many {step}s they are "
        "([how](measures.md#response-to-promotions)). Neither is an effect of promotions as a "
        f"cause: such {step}s differ in more than promotions, and the model has learnt from "
        "them.\n",
    ]
    for curve in response["covariates"]:
        parts.append(_render_table(report_tables.response_table(curve, level, step)))
        others = curve["left_out"]
        parts.append(
            f"Forecasts are sums over {curve['steps']} {step}s"
            + (f"; {others} more that sell less are left out.\n" if others else ".\n")
        )
    return "\n".join(parts)


def _render_holdout(document: Document) -> str:
    text = "The newest days, scored once, at the end. They are in no average and chose nothing."
    if shared := report_tables.select_overlapping_holdout(document):
        text += (
            f" But {len(shared)} of the averaged windows hold some of these days too, so a choice "
            "made by those windows has seen them."
        )
    return text + "\n"


def _render_intervals(document: Document) -> str:
    intervals = document["intervals"]
    evaluation = intervals["evaluation_origins"]
    calibrated, judged = (
        report_tables.freezing_dates(intervals[f"{role}_frozen_at"])
        for role in ("calibration", "evaluation")
    )
    return (
        f"Calibrated on {len(intervals['calibration_origins'])} weekly origins of "
        f"{calibrated}, judged on "
        f"{len(evaluation)} later ones, {evaluation[0]} to {evaluation[-1]}, of "
        f"{judged}. The normal approximation "
        "takes each node's mean squared error at the same origins as its variance.\n"
    )


def _render_limitations(document: Document) -> str:
    planned = min(
        (
            window["promotions_known_days"]
            for window in report_tables.select_windows(document, role=HOLDOUT)
        ),
        default=0,
    )
    frozen = document["intervals"]["calibration_frozen_at"][0]
    last = document["intervals"]["evaluation_origins"][-1]
    wider, cells = report_tables.wider_than_nominal(document)
    return f"""\
## Limitations

- Only means add up. Quantiles do not: the interval of a store is not the sum of those of its
  families.
- Intervals are calibrated on errors of past years (here from {frozen}, judged up to {last}): they
  hold for days that are like those. {wider} of the {cells} cells of the coverage table hold more
  than their nominal share: the interval is wider than it need be.
- A new series has no past. It gets the scale of its level for its intervals, and until it has
  sold its forecast is zero.
- Promotions are planned about {planned} days ahead. Beyond them the model does not know them; what
  that costs is the difference of the two groups of long windows. An answer says up to which day
  they were known.
- A closed store and a day without demand are both zero sales in the tables.
- Events that the holidays table does not list, and breaks such as an earthquake or an opening,
  are not foreseen.
"""


def _render_reproduce(document: Document) -> str:
    averaged = report_tables.select_windows(document, role=TUNING)
    short = [window for window in averaged if window["days"] == SHORT_DAYS]
    long = {window["origin"] for window in averaged if window not in short}
    return f"""\
## Reproduce

`DATA` is a folder with the retailer's tables ([format](tables.md)), whose snapshot must be
`{document["snapshot"]}`.

```console
$ mlrf backtest DATA --out backtest --short {len(short)} --long {len(long)}
$ mlrf train DATA
$ mlrf seal backtest
$ mlrf card backtest/backtest.json
```

The same data, recipe and locked libraries give the same {OURS} figures on the same machine.
"""


def _render_table(table: Table) -> str:
    lines = [
        f"**{table.caption}**\n",
        _render_row(table.header),
        _render_row(["---"] * len(table.header)),
        *map(_render_row, table.rows),
    ]
    return "\n".join(lines) + "\n"


def _render_row(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
