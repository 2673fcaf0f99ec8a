"""Rules as a whole: valid, over declared metrics and labels, and written for a person."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from telemetry import metrics  # noqa: F401  # declares them
from telemetry.instruments import DECLARED
from tests.observability.rules import (
    PROMETHEUS,
    RULE_FILES,
    needs_promtool,
    rules,
    selectors,
)
from tools.grafana.alerts import alerts
from tools.grafana.queries import PLAIN

EVERY_ALERT = pytest.mark.parametrize("alert", alerts().values(), ids=alerts())
EXPRESSIONS = {
    rule.get("alert") or rule["record"] + "".join(sorted(rule.get("labels", {}).values())): rule[
        "expr"
    ]
    for rule in rules()
}
EVERY_EXPRESSION = pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
TARGET = {"job", "namespace", "instance"}
"""Labels that Prometheus adds."""


@needs_promtool
@pytest.mark.parametrize("file", RULE_FILES, ids=lambda file: str(file.name))
def test_promtool_accepts_the_rules(file: object) -> None:
    result = subprocess.run(
        ["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "duplicate" not in result.stdout


@needs_promtool
def test_promtool_accepts_the_configuration() -> None:
    result = subprocess.run(
        ["promtool", "check", "config", "--syntax-only", PROMETHEUS / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_prometheus_loads_all_rules_and_scrapes_with_a_key_from_a_file() -> None:
    configuration = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    assert {PROMETHEUS / name for name in configuration["rule_files"]} == set(RULE_FILES)
    (service,) = [job for job in configuration["scrape_configs"] if job["job_name"] == "mlrf"]
    assert service["metrics_path"] == "/metrics/prometheus"
    assert set(service["authorization"]) == {"credentials_file"}


@EVERY_EXPRESSION
def test_only_declared_metrics_and_labels_are_read(expression: str) -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for name, labels in selectors(expression):
        if ":" in name:
            assert name in recorded
        elif name != "up":
            instrument = DECLARED[name.removesuffix("_bucket").removesuffix("_count")]
            assert (name == instrument.name) == (instrument.kind != "histogram")
            assert set(labels) <= {*instrument.labels, *TARGET, "le"}


def test_an_undeclared_name_would_be_noticed() -> None:
    assert list(selectors('rate(mlrf_a_total{b=~"x,y",c!="{"}[5m]) / up + slo:x:y')) == [
        ("mlrf_a_total", ["b", "c"]),
        ("up", []),
        ("slo:x:y", []),
    ]


@EVERY_ALERT
def test_an_alert_says_what_is_wrong_and_links_its_runbook(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"page", "ticket"}
    texts = alert["annotations"]
    assert set(texts) == {"summary", "description", "runbook_url"}
    assert not texts["summary"].endswith(".")
    assert texts["description"].endswith((".", "{{ end }}"))
    words = re.findall(r"[A-Z][a-z]+|P\d+", alert["alert"])
    assert texts["runbook_url"] == f"docs/runbooks/{'-'.join(words).lower()}.md"


@EVERY_ALERT
def test_an_alert_keeps_environments_apart(alert: dict[str, Any]) -> None:
    """Each aggregation is by job and namespace, or drops a label that is not of a target."""
    for grouping in _groupings(alert["expr"]):
        assert {"job", "namespace"} <= set(grouping), grouping


def _groupings(expression: str) -> Iterator[list[str]]:
    for way, labels in re.findall(
        r"\b(?:sum|max|min|count)\b(?: (by|without) \(([^)]*)\))?", expression
    ):
        if way != "without":
            yield [label.strip() for label in labels.split(",")]


def test_plain_forecasts_are_the_same_routes_everywhere() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in RULE_FILES)
    assert set(re.findall(r'endpoint=~"[^"]*"', text)) == {PLAIN}


def test_routes_of_the_objectives_are_routes() -> None:
    from api.operations import OPERATIONS

    paths = {each.path for each in OPERATIONS} | {"other"}
    text = RULE_FILES[0].read_text(encoding="utf-8")
    for pattern in set(re.findall(r'endpoint[!=]~"([^"]*)"', text)):
        for part in pattern.split("|"):
            assert any(re.fullmatch(part, path) for path in paths), part
