"""Routes and inhibitions of Alertmanager: a page reaches a person, and nothing mutes it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.observability.processes import (
    ALERTMANAGER,
    Api,
    needs_alertmanager,
    running_alert_receiver,
    running_alertmanager,
)
from tests.support.waiting import wait_until
from tools.grafana.alerts import alerts

SEVERITIES = {name: rule["labels"]["severity"] for name, rule in alerts().items()}

needs_amtool = pytest.mark.skipif(
    shutil.which("amtool") is None, reason="needs amtool (Debian: prometheus-alertmanager)"
)


@needs_amtool
def test_amtool_accepts_the_configuration() -> None:
    result = subprocess.run(
        ["amtool", "check-config", ALERTMANAGER], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


@needs_amtool
@pytest.mark.parametrize(("alert", "severity"), SEVERITIES.items(), ids=SEVERITIES)
def test_an_alert_reaches_the_receiver_of_its_severity(alert: str, severity: str) -> None:
    result = subprocess.run(
        [
            *("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}"),
            *(f"alertname={alert}", f"severity={severity}", "job=mlrf"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.strip() == severity


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("alertmanager")
    with running_alert_receiver() as receiver, running_alertmanager(folder, receiver) as api:
        yield api


def send(alertmanager: Api, environment: str, *sent: Mapping[str, str]) -> set[str]:
    """Send alerts of an environment, and return the names of those that are muted."""
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    document = [
        {
            "labels": {"job": "mlrf", "severity": SEVERITIES[labels["alertname"]], **labels}
            | {"namespace": labels.get("namespace", environment)},
            "endsAt": ends,
        }
        for labels in sent
    ]
    response = httpx.post(f"{alertmanager.url}/api/v2/alerts", json=document, trust_env=False)
    assert response.is_success, response.text

    def received() -> list[dict[str, Any]]:
        return [
            each
            for each in alertmanager.get("/api/v2/alerts")
            if each["labels"]["namespace"].startswith(environment)
            and each["status"]["state"] != "unprocessed"
        ]

    wait_until(lambda: len(received()) == len(sent))
    return {each["labels"]["alertname"] for each in received() if each["status"]["inhibitedBy"]}


@needs_alertmanager
@pytest.mark.parametrize(
    ("sent", "muted"),
    [
        pytest.param(
            [
                {"alertname": "ErrorBudgetBurnsFast", "sloth_slo": "availability"},
                {"alertname": "HighErrorRate", "sloth_slo": "availability"},
                {"alertname": "ErrorBudgetBurnsSlowly", "sloth_slo": "availability"},
                {"alertname": "HighLatencyP99", "sloth_slo": "latency"},
                {"alertname": "RedisDegraded"},
            ],
            {"HighErrorRate", "ErrorBudgetBurnsSlowly"},
            id="a burning budget mutes tickets of the same objective",
        ),
        pytest.param(
            [{"alertname": "ErrorBudgetBurnsFast"}, {"alertname": "HighErrorRate"}],
            set(),
            id="without an objective nothing is muted",
        ),
        pytest.param(
            [
                {"alertname": "ServiceDown"},
                {"alertname": "ScrapeFailing", "instance": "a"},
                {"alertname": "ModelNotReady"},
                {"alertname": "DatabaseDegraded"},
                {"alertname": "DataStale"},
            ],
            {"ScrapeFailing"},
            id="a service that is down mutes its single servers",
        ),
        pytest.param(
            [
                {"alertname": "ServiceDown", "namespace": "other-staging"},
                {"alertname": "ScrapeFailing", "namespace": "other-production"},
            ],
            set(),
            id="another environment is not muted",
        ),
        pytest.param(
            [{"alertname": "ReloadFailing"}, {"alertname": "ReloadOverdue"}],
            {"ReloadOverdue"},
            id="a failed reload explains why none succeeded",
        ),
    ],
)
def test_alerts_that_say_the_same_are_muted(
    sent: list[dict[str, str]],
    muted: set[str],
    alertmanager: Api,
    request: pytest.FixtureRequest,
) -> None:
    environment = "other" if "namespace" in sent[0] else request.node.callspec.id
    assert send(alertmanager, environment, *sent) == muted


@needs_alertmanager
def test_no_alert_mutes_a_page(alertmanager: Api) -> None:
    """All alerts at once, with every label that an inhibition compares."""
    everything = [{"alertname": name, "sloth_slo": "availability"} for name in SEVERITIES]
    muted = send(alertmanager, "everything", *everything)
    assert {SEVERITIES[name] for name in muted} == {"ticket"}
    assert len(muted) <= 5
