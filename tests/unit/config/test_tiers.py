"""Tiers: defaults, configuration, and limits that cannot be counted exactly."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from config.tiers import ANONYMOUS, TIERS, UNLIMITED, Tier, TierTable

TABLE: TypeAdapter[dict[str, Tier]] = TypeAdapter(TierTable)


@pytest.mark.parametrize(
    ("name", "quota", "window", "burst"),
    [
        ("free", 100, 3600, 10),
        ("basic", 1_000, 3600, 100),
        ("premium", 10_000, 3600, 1_000),
        ("enterprise", 100_000, 3600, 10_000),
        ("standard", 100, 1, 200),
        (ANONYMOUS, 60, 60, 20),
    ],
)
def test_the_defaults(name: str, quota: int, window: int, burst: int) -> None:
    tier = TIERS[name]
    assert (tier.name, tier.quota, tier.window, tier.burst) == (name, quota, window, burst)
    assert tier.rate == quota / window


def test_one_tier_has_no_limit() -> None:
    assert TIERS[UNLIMITED].quota is None
    assert TIERS[UNLIMITED].rate == float("inf")


def test_a_configured_tier_does_not_change_the_others() -> None:
    table = TABLE.validate_json('{"free": {"quota": 50, "window": 60, "burst": 7}}')
    assert table["free"] == Tier(name="free", quota=50, window=60, burst=7)
    assert {**table, "free": None} == {**TIERS, "free": None}


def test_a_tier_can_be_added_and_a_limit_removed() -> None:
    table = TABLE.validate_json('{"partner": {"quota": 30}, "free": {"quota": null}}')
    assert table["partner"] == Tier(name="partner", quota=30, window=1, burst=3)
    assert table["free"].quota is None


@pytest.mark.parametrize(("quota", "burst"), [(100, 10), (99, 9), (3, 1)])
def test_the_default_burst_is_a_tenth(quota: int, burst: int) -> None:
    assert Tier.model_validate({"name": "a", "quota": quota}).burst == burst


@pytest.mark.parametrize(
    "tier",
    [
        pytest.param({}, id="no quota"),
        pytest.param({"quota": 0}, id="nothing allowed"),
        pytest.param({"quota": 1, "window": 0}, id="no window"),
        pytest.param({"quota": 1, "window": 0.5}, id="half a second"),
        pytest.param({"quota": 1, "burst": 0}, id="no burst"),
        pytest.param({"quota": 10_001, "window": 1}, id="too fast for microseconds"),
        pytest.param({"quota": 1, "window": 10**6, "burst": 10**4}, id="too large for Lua"),
        pytest.param({"quota": 1, "bursts": 1}, id="a misspelt field"),
    ],
)
def test_a_limit_that_cannot_be_counted_exactly_is_refused(tier: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TABLE.validate_python({"a": tier})


@pytest.mark.parametrize("name", ["", "A", 'a"b', "a b", "ä", "x" * 33])
def test_a_name_that_does_not_fit_into_a_header_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        TABLE.validate_python({name: {"quota": 1}})
