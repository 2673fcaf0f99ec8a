"""Alerts: each failed run is posted to a webhook."""

from __future__ import annotations

import json
import time
import urllib.request
from urllib.error import URLError

import dagster as dg

WILL_RETRY = "dagster/will_retry"
"""Tag of a failed run in whose place another one is started."""

ATTEMPTS, PAUSE_SECONDS, TIMEOUT_SECONDS = 4, 5, 10


def make_alert(url: str) -> dg.SensorDefinition:
    """Return the sensor that posts failed runs to an address.

    The document has `text`, which chat services show, and `job`, `run`, `partition` and `steps`
    (name and reason of each failed step) for programs.
    """

    @dg.run_failure_sensor(
        name="alert",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
    )
    def alert(context: dg.RunFailureSensorContext) -> None:
        """Post each failed run to SCHEDULE_ALERT_URL."""
        run = context.dagster_run
        if run.tags.get(WILL_RETRY) == "true":
            return
        steps = {
            str(event.step_key): _reason_of(event) for event in context.get_step_failure_events()
        }
        why = "; ".join(f"{step}: {reason}" for step, reason in steps.items())
        partition = run.tags.get("dagster/partition")
        day = f" of {partition}" if partition else ""
        job = _name_of(run)
        document = {
            "text": f"MLRF: {job}{day} failed. {why or context.failure_event.message}",
            "job": job,
            "run": run.run_id,
            "partition": partition,
            "steps": steps,
        }
        post(url, document)

    return alert


def post(url: str, document: object) -> None:
    """Post a document as JSON, again if it is not accepted.

    Raises:
        URLError: the last attempt failed; the page then shows the failed tick of the sensor.
    """
    request = urllib.request.Request(
        url,
        json.dumps(document).encode(),
        {"Content-Type": "application/json", "User-Agent": "mlrf-schedule"},
    )
    for attempt in range(1, ATTEMPTS + 1):
        try:
            # the settings accept http and https only
            urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS).close()  # nosec B310
            return
        except (URLError, TimeoutError):
            if attempt == ATTEMPTS:
                raise
            time.sleep(PAUSE_SECONDS)


def _name_of(run: dg.DagsterRun) -> str:
    """Return the name of a run's job; of one that backfills steps, the names of the steps."""
    if not run.job_name.startswith("__"):
        return run.job_name
    return ", ".join(sorted(key.to_user_string() for key in run.asset_selection or ()))


def _reason_of(event: dg.DagsterEvent) -> str:
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description
    return data.error.message.strip() if data.error is not None else "unknown"
