"""The definitions that Dagster loads: steps, jobs, schedules and the alert."""

from __future__ import annotations

import dagster as dg

from mlrf_schedule.alerts import make_alert
from mlrf_schedule.assets import make_assets
from mlrf_schedule.settings import Settings, SettingsError


def make_definitions(settings: Settings) -> dg.Definitions:
    """Return the definitions for some settings."""
    refresh = dg.define_asset_job(
        "refresh",
        ["tables", "snapshot", "accuracy", "validation"],
        description="Serve newer tables with the present model, and judge it by them.",
        tags={"dagster/priority": "1"},  # before a training that is due at the same time
    )
    retrain = dg.define_asset_job(
        "retrain",
        ["tables", "candidate", "verdict", "release"],
        description="Train a model, and serve it if it is better than the one that serves.",
    )
    past_forecasts = dg.define_asset_job(
        "past_forecasts",
        ["past_forecast"],
        description="Forecast from the tables of past days, into a file each.",
    )
    schedules = [
        _schedule(refresh, "SCHEDULE_REFRESH", settings.refresh_cron, settings.time_zone),
        _schedule(retrain, "SCHEDULE_RETRAIN", settings.retrain_cron, settings.time_zone),
    ]
    steps = make_assets(settings)
    return dg.Definitions(
        assets=[step for step in steps if not isinstance(step, dg.AssetChecksDefinition)],
        asset_checks=[step for step in steps if isinstance(step, dg.AssetChecksDefinition)],
        jobs=[refresh, retrain, past_forecasts],
        schedules=schedules,
        sensors=[make_alert(settings.alert_url)] if settings.alert_url else [],
        executor=dg.in_process_executor,  # steps follow each other, in the process of their run
    )


def _schedule(
    job: dg.UnresolvedAssetJobDefinition, variable: str, cron: str, time_zone: str
) -> dg.ScheduleDefinition:
    """Return the schedule of a job, which runs from the first start on.

    Raises:
        SettingsError: the variable has no times in the form of cron.
    """
    try:
        return dg.ScheduleDefinition(
            name=f"{job.name}_schedule",
            job=job,
            cron_schedule=cron,
            execution_timezone=time_zone,
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
    except dg.DagsterInvalidDefinitionError:
        raise SettingsError(
            f"{variable}={cron!r} cannot be read: write it as cron does, as in '0 3 * * *'"
        ) from None


defs = make_definitions(Settings.from_environment())
