"""Quality of a bundle, printed at the end of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from cli.output import print_table
from cli.progress import warn

LEVELS = ("total", "bottom")
_FIGURES = (
    "bias",
    "wape",
    "wape_seasonal_naive",
    "wape_weekday_mean",
    "coverage_80",
    "coverage_95",
)


def show_quality(bundle: Path, *, with_table: bool = True) -> None:
    """Print what the frozen models of a training got right and wrong, and its warnings.

    Args:
        bundle: folder of the bundle.
        with_table: print the figures to standard output; else only the warnings are printed.
    """
    from models.baselines import Baseline
    from models.bundle import METRICS_FILE, read_specification

    step = read_specification(bundle).step
    naive, mean = (rule.describe(step) for rule in Baseline)
    quality = orjson.loads((bundle / METRICS_FILE).read_bytes())["quality"]
    rows = [
        (level, days, *(_format_share(figures[name]) for name in _FIGURES))
        for level in LEVELS
        for days, figures in quality["levels"][level].items()
    ]
    caption = (
        f"Errors on days that the models had not seen; the forecast is a {quality['expect']}. "
        f"WAPE of {naive} and of {mean} beside it."
    )
    headings = (
        *("level", f"{step}s ahead", "bias", "WAPE"),
        *(naive.partition("'s ")[2], "mean of 4", "80 % holds", "95 % holds"),
    )
    if with_table:
        print_table(headings, rows, caption=caption)
    for warning in quality["warnings"]:
        warn(warning)


def _format_share(value: Any) -> str:
    return "–" if value is None else f"{value:.1%}"
