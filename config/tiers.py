"""Tiers: rate limits of callers. Imports no other module of the project: settings imports it."""

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
    """A sustained rate and a burst, in units of cost.

    Over any time t, no more than ``burst + quota × t ÷ window`` units are accepted.

    Attributes:
        name: as in keys and headers.
        quota: units in a window; None means no limit.
        window: seconds.
        burst: units that may be spent at once after a pause, and the maximum cost of one request;
            by default a tenth of the quota.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_-]{1,32}$")
    quota: int | None = Field(ge=1)
    window: int = Field(1, ge=1)
    burst: int = Field(ge=1)

    @model_validator(mode="before")
    @classmethod
    def _add_default_burst(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "burst" not in value:
            quota = value.get("quota")
            return {**value, "burst": max(1, quota // 10) if isinstance(quota, int) else 1}
        return value

    @model_validator(mode="after")
    def _check_countable(self) -> Self:
        if self.quota is not None and self.quota > _FASTEST * self.window:
            raise ValueError(f"quota is above {_FASTEST} a second; null means no limit")
        if self.burst * self.window > _LONGEST:
            raise ValueError(f"burst × window is above {_LONGEST}")
        return self

    @property
    def rate(self) -> float:
        """Sustained rate in units a second; infinite without limit."""
        return float("inf") if self.quota is None else self.quota / self.window


def _make_tier(name: str, quota: int | None, window: int, burst: int = 1) -> Tier:
    return Tier(name=name, quota=quota, window=window, burst=burst)


TIERS: Mapping[str, Tier] = MappingProxyType(
    {
        tier.name: tier
        for tier in (
            _make_tier("free", 100, 3600, 10),
            _make_tier("basic", 1_000, 3600, 100),
            _make_tier("premium", 10_000, 3600, 1_000),
            _make_tier("enterprise", 100_000, 3600, 10_000),
            _make_tier("standard", 100, 1, 200),
            _make_tier(ANONYMOUS, 60, 60, 20),  # an address without a valid key
            _make_tier(UNLIMITED, None, 1),
        )
    }
)
"""The default tiers."""


def _merge_defaults(value: Any) -> Any:
    """Return the configured tiers by name, completed by the others of `TIERS`."""
    if not isinstance(value, Mapping):
        return value
    by_name = {
        name: {**tier, "name": name} if isinstance(tier, Mapping) else tier
        for name, tier in value.items()
    }
    return {**TIERS, **by_name}


TierTable = Annotated[dict[str, Tier], BeforeValidator(_merge_defaults)]
"""The type of a setting: ``{"free": {"quota": 100, "window": 3600, "burst": 10}, …}``."""
