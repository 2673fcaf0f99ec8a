"""Overrides that were made in the past, as the database holds them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from storage.audit import Actor
from storage.override_store import OverrideStore
from storage.overrides import NewOverride, PlannedDay, Reason, StatisticalDay, StoredOverride

NODE = "store:1/family:DAIRY"
ANNA = Actor("key:anna")


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def make_override(
    store: OverrideStore, first: date, days: list[tuple[float, float]], **fields: Any
) -> StoredOverride:
    """Store an override of `NODE`; keyword arguments replace its fields.

    Args:
        days: units before and after it on each day from the first one.
    """
    dates = [first + timedelta(number) for number in range(len(days))]
    planned = [(day, *units) for day, units in zip(dates, days, strict=True)]
    new = NewOverride(
        node=NODE,
        first=first,
        last=dates[-1],
        op="set",
        value=1.0,
        spread="day",
        reason=Reason.EVENT,
        note="",
        author="Anna",
        subject="key:anna",
        expires_at=None,
        model_version="a-model",
        snapshot="a-snapshot",
        origin=first - timedelta(1),
        statistical=tuple(StatisticalDay(day, before, 0, 0, 0, 0) for day, before, _ in planned),
        days=tuple(PlannedDay(day, result, before, result) for day, before, result in planned),
    )
    revision = store.state().revision
    return store.create(replace(new, **fields), revision=revision, by=ANNA)
