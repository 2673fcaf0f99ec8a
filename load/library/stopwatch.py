"""Seconds by phase of some work, measured by wrapping functions: its code stays unchanged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from time import perf_counter
from typing import Any


class Stopwatch:
    """Seconds by phase; the time of an inner phase is subtracted from the outer one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner: list[float] = []

    # `_inner` is a stack with one entry for each open phase: the seconds spent in phases that were
    # opened and closed inside it. A phase counts its own duration minus that entry and adds its
    # whole duration to the entry of the phase around it, so that the phases sum to the total.
    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self._inner.append(0.0)
        began = perf_counter()
        try:
            yield
        finally:
            whole = perf_counter() - began
            self.seconds[name] += whole - self._inner.pop()
            if self._inner:
                self._inner[-1] += whole

    def wrap(self, owner: Any, name: str, phase: str) -> None:
        """Replace a function or method of `owner` by one whose calls count as a phase."""
        function: Callable[..., Any] = getattr(owner, name)

        @wraps(function)
        def call(*arguments: Any, **keywords: Any) -> Any:
            with self.phase(phase):
                return function(*arguments, **keywords)

        setattr(owner, name, call)
