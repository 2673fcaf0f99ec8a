"""Answers about overrides: the record, what it does now, and what it was worth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from api.schemas.answer import SnapshotRef
from api.schemas.overrides import (
    OverrideAnswer,
    OverrideDay,
    OverrideEffect,
    OverrideTotal,
    ValueAdded,
)
from features.data.snapshot import Snapshot
from models.overrides import AdjustedForecast
from storage.overrides import OverrideState, StoredOverride


@dataclass(frozen=True)
class Today:
    """The forecast and the time from which answers about overrides are built.

    Attributes:
        forecast: whole forecast of the newest origin, with the overrides that stand.
        at: the time.
    """

    snapshot: Snapshot
    forecast: AdjustedForecast
    at: datetime

    def answer(self, stored: StoredOverride) -> OverrideAnswer:
        """Return the answer about an override."""
        return OverrideAnswer(**self.document(stored))

    def document(self, stored: StoredOverride) -> dict[str, Any]:
        """Return the fields of the answer about an override."""
        newest = self.snapshot.date_at(self.snapshot.newest_origin)
        state = stored.state(self.at, newest)
        days = self._days_of(stored)
        return {
            "id": stored.id,
            "state": state,
            "node": stored.node,
            "first": stored.first,
            "last": stored.last,
            "op": stored.op,
            "value": stored.value,
            "spread": stored.spread,
            "reason": stored.reason,
            "note": stored.note,
            "author": stored.author,
            "created_at": stored.created_at,
            "expires_at": stored.expires_at,
            "withdrawn_at": stored.withdrawn_at,
            "withdrawn_by": stored.withdrawn_by,
            "model_version": stored.model_version,
            "snapshot": SnapshotRef(origin=stored.origin, digest=stored.snapshot),
            "days": days,
            "total": _total_of(days),
            "now": self._effect_of(stored) if state is OverrideState.ACTIVE else None,
            "value_added": _value_added_of(days),
        }

    def _days_of(self, stored: StoredOverride) -> list[OverrideDay]:
        return [
            OverrideDay(
                date=day.date,
                statistical=model.prediction,
                lower_80=model.lower_80,
                upper_80=model.upper_80,
                lower_95=model.lower_95,
                upper_95=model.upper_95,
                before=day.before,
                result=day.result,
                delta=day.result - day.before,
                actual=self._sales_of(stored.node, self.snapshot.index_of(day.date)),
            )
            for model, day in zip(stored.statistical, stored.days, strict=True)
        ]

    def _sales_of(self, node: str, day: int) -> float | None:
        row = self.snapshot.hierarchy.index.get(node)
        if row is None or not 0 <= day <= self.snapshot.newest_origin:
            return None
        units = float(self.snapshot.sales[row, day])
        return None if np.isnan(units) else units

    def _effect_of(self, stored: StoredOverride) -> OverrideEffect | None:
        effect = self.forecast.effects.get(stored.id)
        if effect is None:
            return None
        row = self.snapshot.hierarchy.index[stored.node]
        return OverrideEffect(
            requested=float(effect.requested.sum()),
            result=float(self.forecast.result[row, effect.at].sum()),
            holds=self.forecast.holds(row, effect),
            floored=bool(effect.floored.any()),
            equal_shares=bool(effect.equal_shares.any()),
        )


def _total_of(days: list[OverrideDay]) -> OverrideTotal:
    return OverrideTotal(
        statistical=sum(day.statistical for day in days),
        before=sum(day.before for day in days),
        result=sum(day.result for day in days),
        delta=sum(day.delta for day in days),
    )


def _value_added_of(days: list[OverrideDay]) -> ValueAdded | None:
    """Return the errors on the days that were sold; None where there is none."""
    sold = [(day, day.actual) for day in days if day.actual is not None]
    if not sold:
        return None
    return ValueAdded(
        days=len(sold),
        statistical_error=sum(abs(day.statistical - actual) for day, actual in sold),
        adjusted_error=sum(abs(day.result - actual) for day, actual in sold),
    )
