"""The steps: tables, snapshot, accuracy, validation; candidate, verdict, release; past days.

Each is a `mlrf` command. Values that one step hands to the next are names of bundles; everything
else is in `ARTIFACTS_DIR` and in the registry of releases, where MLRF keeps it.
"""

# without postponed annotations: Dagster reads those of the steps
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from mlrf_schedule.command import run, run_json
from mlrf_schedule.settings import Settings

DAILY, RETRAINING, PAST = "daily", "retraining", "past"

HOLD = "hold"
"""Verdict of `mlrf validate` on a model that is to be kept."""

Document = dict[str, Any]


def make_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """Return the steps, with the settings that they run by."""
    zone = ZoneInfo(settings.time_zone)

    def retry(times: int) -> dg.RetryPolicy:
        return dg.RetryPolicy(
            max_retries=times,
            delay=settings.retry_seconds,
            backoff=dg.Backoff.EXPONENTIAL,
            jitter=dg.Jitter.PLUS_MINUS,
        )

    def with_tables(folder: Path, *words: str) -> Sequence[str]:
        command, *rest = words
        return (*settings.command, command, str(folder), *rest, *settings.table_options)

    def list_models(context: dg.AssetExecutionContext) -> list[Document]:
        models: list[Document] = run_json(context.log, *settings.command, "models", "list")
        return models

    @dg.asset(group_name=DAILY, kinds={"mlrf"}, retry_policy=retry(3))
    def tables(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        """Check the current tables: `mlrf check`."""
        report = run(context.log, *with_tables(settings.tables, "check"))
        return dg.MaterializeResult(metadata={"report": dg.MetadataValue.md(_as_block(report))})

    @dg.asset(group_name=DAILY, kinds={"mlrf"}, deps=[tables], retry_policy=retry(3))
    def snapshot(context: dg.AssetExecutionContext) -> dg.Output[str]:
        """Serve the tables with the present model: `mlrf refresh`."""
        done = run_json(context.log, *settings.command, "refresh", str(settings.tables))
        return dg.Output(
            done["newest"],
            metadata={
                "newest sales": done["newest"],
                "bundle": done["after"]["bundle"],
                "snapshot": done["after"]["snapshot"],
                "changed": done["after"] != done["before"],
            },
        )

    @dg.asset_check(asset=snapshot, name="data_age", blocking=True)
    def data_age(snapshot: str) -> dg.AssetCheckResult:
        """Refuse silence about old data: the run fails if the newest sales lie too far back."""
        age = (datetime.now(zone).date() - date.fromisoformat(snapshot)).days
        return dg.AssetCheckResult(
            passed=age <= settings.max_data_age_days,
            description=f"The newest sales are of {snapshot}, {age} days ago; at most "
            f"{settings.max_data_age_days} are expected (MAX_DATA_AGE_DAYS).",
            metadata={"newest sales": snapshot, "days": age},
        )

    @dg.asset(group_name=DAILY, kinds={"mlrf"}, deps=[snapshot], retry_policy=retry(3))
    def accuracy(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        """Compare the forecasts that are kept with the newest sales: `mlrf score`."""
        done = run_json(context.log, *settings.command, "score")
        return dg.MaterializeResult(
            metadata={
                "days compared": sum(each["count"] for each in done["days"].values()),
                "new vintages": len(done["vintages"]),
                "damaged vintages": len(done["damaged"]),
            }
        )

    @dg.asset(group_name=DAILY, kinds={"mlrf"}, deps=[accuracy], retry_policy=retry(3))
    def validation(context: dg.AssetExecutionContext) -> dg.Output[str]:
        """Replay the newest days, and say whether to keep the model: `mlrf validate`."""
        report = run_json(context.log, *settings.command, "validate")
        value = report["verdict"]
        return dg.Output(value, metadata={"verdict": value, "why": " ".join(report["reasons"])})

    @dg.asset_check(asset=validation, name="keeps_its_model")
    def keeps_its_model(validation: str) -> dg.AssetCheckResult:
        """Warn where another model is better than the one that serves."""
        return dg.AssetCheckResult(
            passed=validation == HOLD,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"The verdict on the model that serves: {validation}.",
        )

    @dg.asset(group_name=RETRAINING, kinds={"mlrf"}, deps=[tables], retry_policy=retry(1))
    def candidate(context: dg.AssetExecutionContext) -> dg.Output[Document]:
        """Train a model that does not serve yet: `mlrf train --promote never`."""
        active = _find_active(list_models(context))
        trained = run_json(
            context.log,
            *with_tables(settings.tables, "train", "--promote", "never"),
            *("--recipe", settings.recipe),
        )
        value = {"bundle": trained["bundle"], "active": active}
        return dg.Output(value, metadata={"bundle": trained["bundle"], "serving": active or "none"})

    @dg.asset(group_name=RETRAINING, kinds={"mlrf"}, retry_policy=retry(3))
    def verdict(
        context: dg.AssetExecutionContext, candidate: Document
    ) -> dg.Output[Document | None]:
        """Read how the candidate compares with the model that serves: `mlrf models show`."""
        words = (*settings.command, "models", "show", candidate["bundle"])
        compared = run_json(context.log, *words)["verdict"]
        if compared is None:
            return dg.Output(None, metadata={"outcome": "not compared"})
        value = {"outcome": compared["outcome"], "why": compared["why"]}
        return dg.Output(value, metadata=value)

    @dg.asset(group_name=RETRAINING, kinds={"mlrf"}, retry_policy=retry(3))
    def release(
        context: dg.AssetExecutionContext, candidate: Document, verdict: Document | None
    ) -> dg.MaterializeResult[None]:
        """Serve the candidate if it is better, or if no model serves: `mlrf models promote`."""
        active = _find_active(list_models(context))
        promotes, why = decide(candidate, verdict, active)
        context.log.info("%s: %s", "Promote" if promotes else "Do not promote", why)
        if promotes:
            words = ("models", "promote", candidate["bundle"], "--reason", why)
            run_json(context.log, *settings.command, *words)
        return dg.MaterializeResult(
            metadata={"promoted": promotes, "why": why, "bundle": candidate["bundle"]}
        )

    @dg.asset(
        group_name=PAST,
        kinds={"mlrf", "csv"},
        partitions_def=dg.DailyPartitionsDefinition(
            settings.first_day.isoformat(), timezone=settings.time_zone, end_offset=1
        ),
        retry_policy=retry(3),
    )
    def past_forecast(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        """Forecast from the tables as they were on a day, with the present model, into a file."""
        if settings.days is None:
            raise dg.Failure(
                "SCHEDULE_DAYS is not set: name the folder with a folder of tables for each day",
                allow_retries=False,
            )
        day = context.partition_key
        settings.forecasts.mkdir(parents=True, exist_ok=True)
        file = settings.forecasts / f"{day}.csv"
        words = with_tables(settings.days / day, "forecast", "--levels", "--out", str(file))
        run(context.log, *words)
        return dg.MaterializeResult(
            metadata={"file": dg.MetadataValue.path(file), "bytes": file.stat().st_size}
        )

    daily = [tables, snapshot, data_age, accuracy, validation, keeps_its_model]
    return [*daily, candidate, verdict, release, past_forecast]


def decide(candidate: Document, verdict: Document | None, active: str | None) -> tuple[bool, str]:
    """Return whether a candidate is to be served, and why.

    Args:
        candidate: its `bundle`, and the bundle that was `active` when its training began.
        verdict: `outcome` and `why` of the comparison of the two; None if there was none.
        active: the bundle that serves now.
    """
    if active is None:
        return True, "no model serves yet"
    if active != candidate["active"]:
        return False, f"{active} was promoted during the training, which compared with another"
    if verdict is None:
        return False, f"it could not be compared with {active}"
    return verdict["outcome"] == "better", f"{verdict['outcome']}: {verdict['why']}"


def _find_active(models: Sequence[Document]) -> str | None:
    return next((each["bundle"] for each in models if each["state"] == "active"), None)


def _as_block(text: str) -> str:
    return f"```\n{text}```"
