"""Seconds of the parts of some work, told from outside: the work itself knows nothing of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from time import perf_counter
from typing import Any


class Stopwatch:
    """Adds up seconds by phase; a phase inside another is taken off the outer one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner: list[float] = []

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
        """Count the calls of a function or method as a phase, from now on, in this process."""
        function: Callable[..., Any] = getattr(owner, name)

        @wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            with self.phase(phase):
                return function(*arguments, **named)

        setattr(owner, name, timed)
