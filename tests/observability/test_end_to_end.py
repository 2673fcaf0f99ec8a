"""A real server, Prometheus and Alertmanager: panels and alerts have data, and alerts arrive."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.observability.conftest import Monitored
from tests.observability.processes import needs_alertmanager, needs_exporter
from tests.observability.rules import matched_selectors, needs_promtool
from tests.support.servers import running
from tests.support.waiting import wait_until
from tools.grafana.alerts import alerts
from tools.grafana.dashboard import TARGET

pytestmark = [pytest.mark.e2e, pytest.mark.slow, needs_promtool, needs_alertmanager, needs_exporter]

ALERT_SECONDS = 120.0
"""Many times what an alert takes from its cause to the receiver."""

WITHOUT_DATA = {"Age of the oldest event": "no event waits"}
"""Panels that are empty while all is well."""


def panel_queries() -> Iterator[Any]:
    for panel in json.loads(TARGET.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"]
            for variable, value in (("namespace", ".*"), ("instance", ".*")):
                expression = expression.replace(f"${variable}", value)
            expression = expression.replace("$__rate_interval", "10m")
            yield pytest.param(panel["title"], expression, id=f"{panel['title']} {target['refId']}")


@pytest.mark.parametrize(("title", "expression"), list(panel_queries()))
def test_a_panel_has_data(troubled: Monitored, title: str, expression: str) -> None:
    assert bool(troubled.prometheus.query(expression)) != (title in WITHOUT_DATA)


def alert_selectors() -> list[str]:
    selectors_of_alerts = {
        each for alert in alerts().values() for each in matched_selectors(alert["expr"])
    }
    return sorted(selectors_of_alerts)


@pytest.mark.parametrize("selector", alert_selectors())
def test_what_an_alert_looks_at_exists(troubled: Monitored, selector: str) -> None:
    """Its comparison may be false; its series must be there to be compared."""
    assert troubled.prometheus.query(f"count({selector})")


def test_every_rule_is_evaluated_without_an_error(troubled: Monitored) -> None:
    groups = troubled.prometheus.get("/api/v1/rules")["data"]["groups"]
    states = {
        rule["name"]: (rule["health"], rule.get("lastError")) for g in groups for rule in g["rules"]
    }
    assert set(alerts()) < set(states)
    assert set(states.values()) == {("ok", None)}


def test_only_faults_that_were_made_have_alerts(troubled: Monitored) -> None:
    firing = troubled.prometheus.query('ALERTS{alertstate="firing"}')
    objectives = {each["metric"].get("sloth_slo") for each in firing} - {None}
    assert {each["metric"]["alertname"] for each in firing} <= EXPECTED
    assert objectives <= {"latency"}, "requests have failed"


EXPECTED = {
    "EventsGivenUp",  # the receiver of events answers 410
    "TrainingFailing",
    "RateLimitSurge",
    "LowCacheHitRate",  # the load draws its series and dates at random
    # every store sells again what it sold a week before
    *("DriftOpen", "AccuracyWorseThanNaive", "AccuracyWorseThanBacktest", "CoverageBelowBacktest"),
    # a machine that trains and serves at once
    *("ErrorBudgetBurnsFast", "ErrorBudgetBurnsSlowly", "HighLatencyP99", "EventLoopLag"),
}


# --- three faults: an alert fires, reaches its receiver, and is over ------------------------------


def notice_of(monitored: Monitored, alert: str, status: str = "firing") -> dict[str, Any]:
    """Wait until the receiver has been notified of an alert, and return it."""
    wait_until(lambda: monitored.receiver.of(alert, status), ALERT_SECONDS)
    return monitored.receiver.of(alert, status)[0]


@pytest.fixture(scope="module")
def redis_was_killed(busy: Monitored) -> dict[str, Any]:
    busy.valkey.kill()
    firing = notice_of(busy, "RedisDegraded")
    busy.valkey.start()
    return firing


@pytest.fixture(scope="module")
def reload_has_failed(busy: Monitored) -> dict[str, Any]:
    broken = Path(shutil.copytree(busy.tables, busy.folder / "broken"))
    (broken / "train.parquet").write_bytes(b"half a table")
    assert busy.command("refresh", broken) == 1
    firing = notice_of(busy, "ReloadFailing")
    assert busy.command("refresh", busy.tables) == 0
    return firing


@pytest.fixture(scope="module")
def troubled(
    busy: Monitored, redis_was_killed: dict[str, Any], reload_has_failed: dict[str, Any]
) -> Monitored:
    """The server after both faults are over."""
    for alert in ("RedisDegraded", "ReloadFailing"):
        notice_of(busy, alert, "resolved")
    return busy


def test_a_killed_redis_opens_a_ticket(redis_was_killed: dict[str, Any]) -> None:
    assert redis_was_killed["receiver"] == "ticket"
    assert redis_was_killed["annotations"] == alerts()["RedisDegraded"]["annotations"]


def test_a_failed_nightly_reload_opens_a_ticket(reload_has_failed: dict[str, Any]) -> None:
    assert reload_has_failed["receiver"] == "ticket"
    assert reload_has_failed["annotations"] == alerts()["ReloadFailing"]["annotations"]


def test_texts_of_alerts_are_filled_in(troubled: Monitored) -> None:
    notices = troubled.receiver.notices
    assert notices
    assert [text for each in notices for text in each["annotations"].values() if "{{" in text] == []
    assert [text for each in notices for text in each["annotations"].values() if "<" in text] == []


def test_a_server_without_a_model_wakes_a_person(troubled: Monitored) -> None:
    """Run last: the server has ended afterwards."""
    assert troubled.server is not None
    assert not troubled.receiver.of("ModelNotReady", "firing")
    troubled.server.stop()
    shutil.rmtree(troubled.store.root)
    troubled.store.root.mkdir()
    with running(
        troubled.folder, troubled.store, port=troubled.port, **troubled.settings
    ) as server:
        server.wait_for("/livez")
        node = {"node": "total", "horizon": 7}
        assert troubled.request("POST", "/forecast", json=node).status_code == 503
        firing = notice_of(troubled, "ModelNotReady")
    assert firing["receiver"] == "page"
    assert firing["annotations"]["runbook_url"] == "docs/runbooks/model-not-ready.md"
