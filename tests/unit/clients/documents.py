"""Answers as a server gives them, for tests that send nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SNAPSHOT = {"origin": "2024-06-30", "digest": "01af"}


def forecast_document(
    node: str, *, days: int = 2, release: str = "r1", quantiles: Sequence[float] = ()
) -> dict[str, Any]:
    """Return a forecast of the first days of July, with 80 % intervals and their sum."""
    bounds = [{"level": 80, "lower": 1.0, "upper": 3.0}]
    numbers: dict[str, Any] = {
        "prediction": 2.0,
        "lower_80": 1.0,
        "upper_80": 3.0,
        "intervals": bounds,
    }
    if quantiles:
        values = [{"probability": each, "value": 4 * each} for each in quantiles]
        numbers["quantiles"] = values
    return {
        "node": node,
        "level": "bottom",
        "series": {},
        "date": "2024-07-01",
        "horizon": days,
        "adjusted": False,
        "forecast": [
            {"date": f"2024-07-{day + 1:02}", **numbers, "actual": None} for day in range(days)
        ],
        "period": "horizon",
        "periods": [
            {
                "first": "2024-07-01",
                "last": f"2024-07-{days:02}",
                "days": days,
                **numbers,
                "actual": None,
            }
        ],
        "origin": "2024-06-30",
        "method": "model",
        "model_version": release,
        "model_trained_through": "2024-06-30",
        "in_sample": False,
        "known_through": {},
        "snapshot": SNAPSHOT,
        "degraded": False,
    }


def problem_document(detail: str = "There is no such node.") -> dict[str, Any]:
    return {"code": "INVALID_NODE", "status": 400, "detail": detail, "title": "", "errors": []}


def history_document(*days: str, then: str | None, digest: str = "01af") -> dict[str, Any]:
    """Return a page of sales, with the first day of the next one."""
    return {
        "node": "total",
        "level": "total",
        "first_sale": "2023-01-01",
        "days": [
            {"date": day, "units": 5.0, "onpromotion": None, "covariates": {"price": 1.5}}
            for day in days
        ],
        "next": then,
        "snapshot": {**SNAPSHOT, "digest": digest},
    }
