"""The rules of deploy/prometheus, and promtool, which tests them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.paths import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULE_FILES = (PROMETHEUS / "slos.yml", PROMETHEUS / "alerts.yml")

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs promtool (Debian: prometheus)"
)


def rules() -> Iterator[dict[str, Any]]:
    """Yield all rules, those of alerts and those that record."""
    for file in RULE_FILES:
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


@dataclass(frozen=True)
class Case:
    """Series, and the firing alerts that they lead to.

    Attributes:
        series: values by series, in promtool's notation (`0+10x60`).
        after: time at which the alerts are compared.
        firing: labels of each firing alert, without its name and severity; empty for silence.
        interval: between samples and evaluations.
    """

    alert: str
    series: Mapping[str, str]
    after: str
    firing: tuple[Mapping[str, str], ...] = ()
    interval: str = "1m"

    def run(self, folder: Path) -> str:
        """Compare the firing alerts, and return what differs."""
        # ALERTS has the labels, not the texts, which may be improved without a change here
        labels = sorted({name for alert in self.firing for name in alert})
        expression = f'ALERTS{{alertname="{self.alert}",alertstate="firing"}}'
        if labels:
            expression = f"max by ({', '.join(labels)}) ({expression})"
        samples = [{"labels": _selector(alert), "value": 1} for alert in self.firing]
        return self._run_promtool(expression, samples, folder)

    def evaluate(self, expression: str, value: float, folder: Path) -> str:
        """Compare an expression without labels, and return what differs."""
        return self._run_promtool(expression, [{"labels": "{}", "value": value}], folder)

    def _run_promtool(self, expression: str, samples: list[dict[str, Any]], folder: Path) -> str:
        test = {
            "interval": self.interval,
            "input_series": [
                {"series": name, "values": values} for name, values in self.series.items()
            ],
            "promql_expr_test": [
                {"expr": expression, "eval_time": self.after, "exp_samples": samples}
            ],
        }
        document = {
            "rule_files": [str(file) for file in RULE_FILES],
            "evaluation_interval": self.interval,
            "tests": [test],
        }
        file = folder / "test.yml"
        file.write_text(json.dumps(document), encoding="utf-8")
        result = subprocess.run(
            ["promtool", "test", "rules", file], capture_output=True, text=True, check=False
        )
        return "" if result.returncode == 0 else result.stdout + result.stderr


def _selector(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


_SELECTOR = re.compile(r'\b(mlrf_\w+|up|ALERTS|(?:slo|mlrf):[\w:]+)\b(?:\{((?:"[^"]*"|[^}"])*)\})?')


def selectors(expression: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the labels of each selector in an expression."""
    for name, matchers in _SELECTOR.findall(expression):
        yield name, re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', matchers)


def matched_selectors(expression: str) -> set[str]:
    """Return the selectors of an expression with their matchers, without ranges."""
    return {match[0] for match in _SELECTOR.finditer(expression)}
