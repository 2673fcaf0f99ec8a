"""The alerts of deploy/prometheus/alerts.yml, whose thresholds and runbooks panels show."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from config.paths import ROOT

FILE = ROOT / "deploy" / "prometheus" / "alerts.yml"
_NUMBER = r"(\d+(?:\.\d+)?(?:e-?\d+)?)"


@cache
def alerts() -> dict[str, dict[str, Any]]:
    """Return the alerts by name."""
    groups = yaml.safe_load(FILE.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def limit_of(alert: str, operator: str) -> float:
    """Return the first number that the expression of an alert compares with by an operator.

    Raises:
        LookupError: it compares with none.
    """
    match = re.search(rf"(?<!{operator}){operator} {_NUMBER}", alerts()[alert]["expr"])
    if match is None:
        raise LookupError(f"{alert} has no number after {operator}")
    return float(match[1])


def runbook_of(alert: str) -> str:
    """Return the name of the file of an alert's runbook."""
    return Path(alerts()[alert]["annotations"]["runbook_url"]).name
