"""Write the Grafana dashboard, deploy/grafana/mlrf-dashboard.json.

    python -m tools.grafana.dashboard

Names of metrics come from `telemetry.metrics`, thresholds and runbooks from the alerts.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from config.paths import ROOT
from telemetry import metrics
from tools.grafana.forecasts import FORECASTS
from tools.grafana.operations import OPERATIONS
from tools.grafana.panels import DATASOURCE, Panel
from tools.grafana.service import SERVICE

TARGET = ROOT / "deploy" / "grafana" / "mlrf-dashboard.json"
ROWS: dict[str, tuple[Panel, ...]] = {
    "Service": SERVICE,
    "Forecasts": FORECASTS,
    "Operations": OPERATIONS,
}
RUNBOOKS = "/public/runbooks"
"""Path of Grafana at which docker-compose.monitoring.yml mounts docs/runbooks/."""


def rendered() -> str:
    """Return the dashboard's JSON."""
    dashboard = builders.Dashboard("MLRF")
    dashboard.uid("mlrf").tags(["mlrf"]).timezone("utc").refresh("30s").time("now-6h", "now")
    dashboard.description("Service, forecasts and operations of MLRF: docs/how-to/monitor.md")
    dashboard.tooltip(models.DashboardCursorSync.CROSSHAIR).editable()
    for each_variable in _variables():
        dashboard.with_variable(each_variable)
    for title, panels in ROWS.items():
        dashboard.with_row(builders.Row(title))
        for panel in panels:
            dashboard.with_panel(panel.build())
    built = dashboard.build()
    for number, each in enumerate(built.panels or (), 1):
        each.id_val = number
    for variable in built.templating.list_val or ():
        # those of intervals, which the schema does not know in other variables
        variable.auto = variable.auto_min = variable.auto_count = None
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(built) + "\n"


def _variables() -> list[
    builders.DatasourceVariable | builders.QueryVariable | builders.TextBoxVariable
]:
    return [
        builders.DatasourceVariable("datasource").label("Prometheus").type("prometheus"),
        _choice("namespace", "Environment", f"label_values({metrics.BUILD.name}, namespace)"),
        _choice(
            "instance",
            "Server",
            f'label_values({metrics.BUILD.name}{{namespace=~"$namespace"}}, instance)',
        ),
        builders.TextBoxVariable("runbooks").label("Runbooks at").default_value(RUNBOOKS),
    ]


def _choice(name: str, label: str, query: str) -> builders.QueryVariable:
    variable = builders.QueryVariable(name).label(label).datasource(DATASOURCE).query(query)
    # `.*` also matches series without the label, as outside Kubernetes
    variable.multi(True).include_all(True).all_value(".*")
    return variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)


def main() -> None:
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(rendered(), encoding="utf-8")


if __name__ == "__main__":
    main()
