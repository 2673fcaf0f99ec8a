"""Verdict of a training over the contract, from the record that the training wrote.

Records are never rewritten, so those of older versions have fewer figures, or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.schemas.models import (
    OriginsAnswer,
    ServedDifferencesAnswer,
    VerdictAnswer,
    VerdictFigureAnswer,
    VerdictLevelAnswer,
)

Document = Mapping[str, Any]

_BUCKETS = "buckets"
_OF_FIGURE = ("champion", "challenger", "change", "low", "high", "least")


def build_verdict(record: Document | None) -> VerdictAnswer | None:
    """Return the answer of a recorded verdict, None without one; what the record lacks is None."""
    if record is None:
        return None
    origins, levels, served = (record.get(name) for name in ("origins", "levels", "served"))
    return VerdictAnswer(
        champion=record["champion"],
        outcome=record["outcome"],
        why=record["why"],
        change=record.get("change"),
        low=record.get("low"),
        high=record.get("high"),
        faults=record.get("faults"),
        origins=None if origins is None else OriginsAnswer(**origins),
        levels=None if levels is None else {name: _build_level(of) for name, of in levels.items()},
        served=None if served is None else _build_differences(served),
    )


def _build_level(record: Document) -> VerdictLevelAnswer:
    buckets = record.get(_BUCKETS, {})
    own = {name: value for name, value in record.items() if name != _BUCKETS}
    return VerdictLevelAnswer(
        figures=_build_figures(own),
        buckets={days: _build_figures(of) for days, of in buckets.items()},
    )


def _build_figures(record: Document) -> dict[str, VerdictFigureAnswer]:
    # older records have numbers of the whole level beside the figures
    return {
        measure: VerdictFigureAnswer(**{name: figure.get(name) for name in _OF_FIGURE})
        for measure, figure in record.items()
        if isinstance(figure, Mapping)
    }


def _build_differences(record: Document) -> ServedDifferencesAnswer:
    return ServedDifferencesAnswer(
        moved=record.get("moved", {}), slower=record.get("slower"), larger=record.get("larger")
    )
