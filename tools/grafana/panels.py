"""Panels, declared in plain data and built with Grafana's own library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, timeseries
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

from tools.grafana.alerts import limit_of, runbook_of

DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
GOOD, BAD = "green", "red"


@dataclass(frozen=True)
class Limit:
    """Threshold of a panel.

    Attributes:
        value: a number, or the operator by which the panel's alert compares.
        bad: side of it that is bad.
    """

    value: float | Literal["<", ">"]
    bad: Literal["above", "below"] = "above"


@dataclass(frozen=True)
class Panel:
    """A panel.

    Attributes:
        description: for a person who was woken: what it shows, and what is bad.
        queries: expressions with their legends.
        unit: Grafana's name of it.
        alert: name of the alert on the same figure, whose runbook is linked.
        runbook: file of the runbook, where there is no such alert.
        shape: a curve, or the newest value.
        width: of 24 columns.
        names: show the legend in place of the value.
        lowest: lower end of the axis; None to fit it to the values.
    """

    title: str
    description: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    alert: str = ""
    runbook: str = ""
    limit: Limit | None = None
    shape: Literal["curve", "value"] = "curve"
    width: int = 8
    names: bool = False
    decimals: int | None = None
    lowest: float | None = 0

    def build(self) -> timeseries.Panel | stat.Panel:
        """Return the builder of the panel."""
        panel = self._curve() if self.shape == "curve" else self._value()
        panel.title(self.title).description(self.description).datasource(DATASOURCE)
        panel.unit(self.unit).span(self.width).thresholds(self._thresholds())
        if self.decimals is not None:
            panel.decimals(self.decimals)
        for number, (expression, legend) in enumerate(self.queries):
            query = prometheus.Dataquery().expr(expression).legend_format(legend)
            query.ref_id(chr(ord("A") + number)).datasource(DATASOURCE)
            panel.with_target(query.instant() if self.shape == "value" else query.range())
        file = runbook_of(self.alert) if self.alert else self.runbook
        link = builders.DashboardLink("Runbook").type(models.DashboardLinkType.LINK)
        return panel.links([link.url(f"${{runbooks}}/{file}").target_blank(True)])

    def _curve(self) -> timeseries.Panel:
        panel = timeseries.Panel().height(8).line_width(1).fill_opacity(8)
        if self.lowest is not None:
            panel.min(self.lowest)
        panel.show_points(common.VisibilityMode.NEVER)
        panel.tooltip(
            common_builders.VizTooltipOptions()
            .mode(common.TooltipDisplayMode.MULTI)
            .sort(common.SortOrder.DESCENDING)
        )
        panel.legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs([])
        )
        if self.limit is not None:
            style = common_builders.GraphThresholdsStyleConfig()
            panel.thresholds_style(style.mode(common.GraphThresholdsStyleMode.DASHED))
        return panel

    def _value(self) -> stat.Panel:
        panel = stat.Panel().height(4).graph_mode(common.BigValueGraphMode.NONE)
        panel.color_mode(common.BigValueColorMode.VALUE)
        panel.justify_mode(common.BigValueJustifyMode.AUTO)
        mode = common.BigValueTextMode
        panel.text_mode(mode.NAME if self.names else mode.AUTO)
        return panel.reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))

    def _thresholds(self) -> builders.ThresholdsConfig:
        steps = [models.Threshold(value=None, color=GOOD)]
        if self.limit is not None:
            below, above = (GOOD, BAD) if self.limit.bad == "above" else (BAD, GOOD)
            value = self.limit.value
            number = limit_of(self.alert, value) if isinstance(value, str) else value
            steps = [
                models.Threshold(value=None, color=below),
                models.Threshold(value=number, color=above),
            ]
        return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
