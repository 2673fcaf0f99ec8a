"""A clock that advances only when a test sets it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()
