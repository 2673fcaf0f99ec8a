"""Tiers: how much a caller may ask for. Imports nothing of the house, so that settings can."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

ANONYMOUS = "anonymous"
UNLIMITED = "unlimited"

_FASTEST = 10_000  # units a second: limits count in whole microseconds
_LONGEST = 2**53 // 10**6  # burst × window: Lua's numbers are exact up to 2**53


class Tier(BaseModel):
    """A rate and how far a caller may run ahead of it, in units of cost.

    Over any time t, no more than ``burst + quota × t ÷ window`` units are accepted.

    Attributes:
        name: as keys and headers give it.
        quota: units in a window; None means that there is no limit.
        window: seconds.
        burst: units that may be spent at once after a pause, and the most that one request may
            cost; a tenth of the quota where it is not given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_-]{1,32}$")
    quota: int | None = Field(ge=1)
    window: int = Field(1, ge=1)
    burst: int = Field(ge=1)

    @model_validator(mode="before")
    @classmethod
    def _with_burst(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "burst" not in given:
            quota = given.get("quota")
            return {**given, "burst": max(1, quota // 10) if isinstance(quota, int) else 1}
        return given

    @model_validator(mode="after")
    def _countable(self) -> Self:
        if self.quota is not None and self.quota > _FASTEST * self.window:
            raise ValueError(f"quota is above {_FASTEST} a second; null means no limit")
        if self.burst * self.window > _LONGEST:
            raise ValueError(f"burst × window is above {_LONGEST}")
        return self

    @property
    def rate(self) -> float:
        """Units a second."""
        return float("inf") if self.quota is None else self.quota / self.window


def _tier(name: str, quota: int | None, window: int, burst: int = 1) -> Tier:
    return Tier(name=name, quota=quota, window=window, burst=burst)


TIERS: Mapping[str, Tier] = MappingProxyType(
    {
        tier.name: tier
        for tier in (
            _tier("free", 100, 3600, 10),
            _tier("basic", 1_000, 3600, 100),
            _tier("premium", 10_000, 3600, 1_000),
            _tier("enterprise", 100_000, 3600, 10_000),
            _tier("standard", 100, 1, 200),
            _tier(ANONYMOUS, 60, 60, 20),  # an address without a valid key
            _tier(UNLIMITED, None, 1),
        )
    }
)
"""The tiers where nothing else is configured."""


def _completed(given: Any) -> Any:
    """Tiers by name, as they are configured: those that are not named stay as in `TIERS`."""
    if not isinstance(given, Mapping):
        return given
    named = {
        name: {**tier, "name": name} if isinstance(tier, Mapping) else tier
        for name, tier in given.items()
    }
    return {**TIERS, **named}


TierTable = Annotated[dict[str, Tier], BeforeValidator(_completed)]
"""The type of a setting: ``{"free": {"quota": 100, "window": 3600, "burst": 10}, …}``."""
