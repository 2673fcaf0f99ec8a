"""Settings of the schedule, read from the environment."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")


class SettingsError(ValueError):
    """A variable of the environment is missing or wrong; the message names it."""


@dataclass(frozen=True)
class Settings:
    """Settings of the schedule.

    Attributes:
        command: words that call `mlrf`.
        tables: folder of the current tables.
        days: folder with a folder of tables for each past day, named YYYY-MM-DD; for backfills.
        forecasts: folder of the files that backfills write.
        first_day: first day that can be backfilled.
        refresh_cron, retrain_cron: when to refresh and to retrain, in `time_zone`.
        recipe: what `mlrf train --recipe` gets.
        table_options: further options of the commands that read tables, such as ``--delimiter ;``.
        retry_seconds: time before the first repetition; it doubles with each further one.
        max_data_age_days: days that the newest sales may lie back.
        alert_url: address that failures are posted to.
    """

    command: tuple[str, ...]
    tables: Path
    days: Path | None
    forecasts: Path
    first_day: date
    refresh_cron: str
    retrain_cron: str
    time_zone: str
    recipe: str
    table_options: tuple[str, ...]
    retry_seconds: float
    max_data_age_days: int
    alert_url: str | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings.

        Raises:
            SettingsError: a variable is missing or wrong.
        """

        def read(name: str, parse: Callable[[str], T], default: str) -> T:
            text = environment.get(name) or default
            try:
                return parse(text)
            except ValueError as error:
                raise SettingsError(f"{name}={text!r} cannot be read: {error}") from None

        if not (tables := environment.get("SCHEDULE_TABLES")):
            raise SettingsError("SCHEDULE_TABLES is not set: name the folder of the tables")
        days = environment.get("SCHEDULE_DAYS")
        return cls(
            command=read("MLRF", _parse_command, "mlrf"),
            tables=Path(tables).absolute(),
            days=Path(days).absolute() if days else None,
            forecasts=read("SCHEDULE_FORECASTS", _parse_path, "var/forecasts"),
            first_day=read("SCHEDULE_FIRST_DAY", date.fromisoformat, "2024-01-01"),
            refresh_cron=read("SCHEDULE_REFRESH", str, "0 3 * * *"),
            retrain_cron=read("SCHEDULE_RETRAIN", str, "0 3 1 * *"),
            time_zone=read("SCHEDULE_TIME_ZONE", _parse_zone, "UTC"),
            recipe=read("SCHEDULE_RECIPE", str, "default"),
            table_options=read("SCHEDULE_TABLE_OPTIONS", _parse_words, ""),
            retry_seconds=read("SCHEDULE_RETRY_SECONDS", float, "60"),
            max_data_age_days=read("MAX_DATA_AGE_DAYS", int, "7"),
            alert_url=read("SCHEDULE_ALERT_URL", _parse_address, "") or None,
        )


def _parse_path(text: str) -> Path:
    return Path(text).absolute()


def _parse_address(text: str) -> str:
    if text and not text.startswith(("http://", "https://")):
        raise ValueError("an address begins with https:// or http://")
    return text


def _parse_zone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (KeyError, OSError):
        raise ValueError("there is no such time zone; write it as Europe/Berlin") from None


def _parse_words(text: str) -> tuple[str, ...]:
    return tuple(shlex.split(text))


def _parse_command(text: str) -> tuple[str, ...]:
    words = _parse_words(text)
    if not words or shutil.which(words[0]) is None:
        raise ValueError("this is no command here; name that of the environment of MLRF")
    return words
