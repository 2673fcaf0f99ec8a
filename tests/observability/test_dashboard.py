"""The Grafana dashboard: generated, complete, over declared metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from config.paths import ROOT
from telemetry.instruments import DECLARED
from tests.observability.rules import rules, selectors
from tools.grafana.alerts import limit_of
from tools.grafana.dashboard import ROWS, RUNBOOKS, TARGET, rendered

DASHBOARD = json.loads(TARGET.read_text(encoding="utf-8"))
PANELS: dict[str, dict[str, Any]] = {
    panel["title"]: panel for panel in DASHBOARD["panels"] if panel["type"] != "row"
}
EVERY_PANEL = pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}


def expressions() -> Iterator[str]:
    for panel in PANELS.values():
        for target in panel["targets"]:
            yield target["expr"]


def test_the_file_is_as_the_code_makes_it() -> None:
    assert TARGET.read_text(encoding="utf-8") == rendered(), (
        "python -m tools.grafana.dashboard writes it anew"
    )


def test_there_is_a_row_for_each_part() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["Service", "Forecasts", "Operations"]
    assert len(PANELS) == sum(len(panels) for panels in ROWS.values()), "a title is there twice"


@EVERY_PANEL
def test_a_panel_says_what_it_shows_and_links_a_runbook(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    (link,) = panel["links"]
    folder, _, file = link["url"].partition("/")
    assert folder == "${runbooks}"
    assert (ROOT / "docs" / "runbooks" / file).is_file()


@EVERY_PANEL
def test_a_panel_reads_the_chosen_data_source(panel: dict[str, Any]) -> None:
    sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
    assert {source["uid"] for source in sources} == {"${datasource}"}
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_panels_do_not_overlap() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        covered = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24
        assert not covered & cells, panel["title"]
        cells |= covered


def test_every_metric_is_on_a_panel_and_every_name_is_declared() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    names = {name for each in expressions() for name, _ in selectors(each)}
    plain = {name for name in names if ":" not in name} - {"up", "ALERTS"}
    assert {name for name in names if ":" in name} <= recorded
    bases = {name if name in DECLARED else name.rpartition("_")[0] for name in plain}
    assert bases == set(DECLARED)


@EVERY_PANEL
def test_a_panel_selects_by_declared_labels(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        for name, labels in selectors(target["expr"]):
            instrument = DECLARED.get(name) or DECLARED.get(name.rpartition("_")[0])
            own = instrument.labels if instrument else ("sloth_slo", "alertstate")
            assert set(labels) <= {*own, "job", "namespace", "instance"}


@pytest.mark.parametrize(
    ("alert", "operator", "limit"),
    [
        pytest.param("HighLatencyP99", ">", 0.1, id="decimal"),
        pytest.param("IncoherentForecasts", ">", 1e-6, id="exponent"),
        pytest.param("LowCacheHitRate", "<", 0.5, id="below"),
        pytest.param("EventsWaiting", ">", 900, id="first of two"),
    ],
)
def test_a_threshold_is_that_of_the_alert(alert: str, operator: str, limit: float) -> None:
    assert limit_of(alert, operator) == limit


def test_an_alert_without_a_threshold_is_an_error() -> None:
    with pytest.raises(LookupError, match="WorkerMissing has no number after <"):
        limit_of("WorkerMissing", "<")


def test_a_line_is_drawn_where_an_alert_fires() -> None:
    steps = PANELS["Cache hit rate"]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert steps == [{"value": None, "color": "red"}, {"value": 0.5, "color": "green"}]


def test_grafana_is_provisioned_with_the_dashboard_and_its_data_source() -> None:
    folder = ROOT / "deploy" / "grafana" / "provisioning"
    (provider,) = yaml.safe_load((folder / "dashboards.yml").read_text())["providers"]
    compose = yaml.safe_load((ROOT / "docker-compose.monitoring.yml").read_text(encoding="utf-8"))
    mounts = dict(
        reversed(volume.removesuffix(":ro").split(":", 1))
        for volume in compose["services"]["grafana"]["volumes"]
        if volume.startswith("./")
    )
    path = provider["options"]["path"]
    assert mounts[f"{path}/{TARGET.name}"] == f"./{TARGET.relative_to(ROOT)}"
    assert mounts[f"/usr/share/grafana{RUNBOOKS}"] == "./docs/runbooks"
    sources = yaml.safe_load((folder / "datasources.yml").read_text())["datasources"]
    assert [source["type"] for source in sources if source.get("isDefault")] == ["prometheus"]
