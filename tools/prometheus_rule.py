"""Write the rules of deploy/prometheus as an object of the Prometheus Operator.

python -m tools.prometheus_rule
"""

from __future__ import annotations

from typing import Any

import yaml

from config.paths import ROOT

RULES = tuple(ROOT / "deploy" / "prometheus" / name for name in ("slos.yml", "alerts.yml"))
TARGET = ROOT / "deploy" / "kubernetes" / "components" / "monitoring" / "rules.yaml"

HEADER = "# Made from deploy/prometheus/ by `python -m tools.prometheus_rule`; do not edit.\n"


def rendered() -> str:
    """Return the object as YAML."""
    groups: list[dict[str, Any]] = []
    for file in RULES:
        groups += yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "mlrf"},
        "spec": {"groups": groups},
    }
    return HEADER + yaml.safe_dump(rule, sort_keys=False, width=1000)


if __name__ == "__main__":
    TARGET.write_text(rendered(), encoding="utf-8")
