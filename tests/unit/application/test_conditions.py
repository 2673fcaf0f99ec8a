"""What degrades a server: here, data that are old or of the future."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from application.conditions import Conditions

MAX_AGE_DAYS = 3


def reasons_of(newest_day: int) -> list[str]:
    """The reasons where the newest sales are so many days after today."""
    origin = datetime.now(UTC).date() + timedelta(newest_day)
    snapshot = SimpleNamespace(facts=SimpleNamespace(origin=origin))
    serving = SimpleNamespace(engine=SimpleNamespace(snapshot=snapshot))
    watcher: Any = SimpleNamespace(serving=serving, degraded=[])
    keys: Any = SimpleNamespace(away=False)
    return [reason.detail for reason in Conditions(watcher, None, keys, MAX_AGE_DAYS).reasons()]


@pytest.mark.parametrize("newest_day", [0, -1, -1 - MAX_AGE_DAYS])
def test_data_of_the_last_days_degrade_nothing(newest_day: int) -> None:
    assert reasons_of(newest_day) == []


def test_old_data_degrade() -> None:
    (detail,) = reasons_of(-2 - MAX_AGE_DAYS)
    assert "4 days before the newest expected day" in detail


@pytest.mark.parametrize("newest_day", [1, 27_000])
def test_data_of_the_future_degrade(newest_day: int) -> None:
    (detail,) = reasons_of(newest_day)
    assert "which is in the future" in detail
