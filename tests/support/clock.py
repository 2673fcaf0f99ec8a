"""A clock for tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

Time = TypeVar("Time", float, datetime)


@dataclass
class Clock(Generic[Time]):
    """A clock that stands still until a test sets `now`, to seconds or a time of day."""

    now: Time

    def __call__(self) -> Time:
        return self.now
