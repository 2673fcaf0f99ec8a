"""Groups of calls in the OpenAPI document, in generated clients and on the page of calls."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class _TagText(NamedTuple):
    label: str
    description: str


class Tag(Enum):
    """A group of calls: its name in the OpenAPI document, and what the calls are for."""

    FORECASTS = _TagText(
        "forecasts", "What will be sold: one series, many, or the whole hierarchy."
    )
    REASONS = _TagText(
        "reasons", "Why a forecast is what it is, and what if things were otherwise."
    )
    FACTS = _TagText(
        "facts", "What was sold, what there is to ask for, how good the forecasts are."
    )
    INFERENCE = _TagText("inference", "The raw model, for clients of the Open Inference Protocol.")
    MONITORING = _TagText("monitoring", "Whether the service is well: for people, probes, metrics.")
    ADMINISTRATION = _TagText("administration", "Keys, the audit log, and newer data.")

    @property
    def label(self) -> str:
        return self.value.label

    @property
    def description(self) -> str:
        return self.value.description


_OF_FIRST_PART = {
    **dict.fromkeys(("predict", "hierarchy"), Tag.FORECASTS),
    **dict.fromkeys(("explain", "whatif"), Tag.REASONS),
    **dict.fromkeys(("historical", "accuracy", "model-metrics", "meta", ""), Tag.FACTS),
    **dict.fromkeys(("health", "livez", "readyz", "healthz", "metrics"), Tag.MONITORING),
    "v2": Tag.INFERENCE,
    "admin": Tag.ADMINISTRATION,
}


def tag_of(path: str) -> Tag:
    """Return the group of a path, by its first part.

    Raises:
        KeyError: no group has the part; add it to `_OF_FIRST_PART`.
    """
    return _OF_FIRST_PART[path.split("/")[1]]
