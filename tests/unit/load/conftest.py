"""An invented outcome of a load run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from load.memory import Sample
from load.outcome import Verdict
from load.record import Table
from load.report import Outcome

PASSED = Verdict("simple, ms", "p(95)<20", 12.34, True)
OUTCOME = Outcome(
    scenario="ramp",
    facts={"load": "25 → 100 users", "key": "tier <large>"},
    verdicts=[PASSED],
    tables=[
        Table(
            id="ramp-calls",
            caption="Scenario `ramp`, by call.",
            columns=("call", "requests", "errors"),
            rows=(("simple", 1234, 0), ("all calls", 1234, 5)),
        )
    ],
    wrong={},
    memory=Table(
        id="ramp-memory",
        caption="Scenario `ramp`: memory.",
        columns=("worker", "first MiB"),
        rows=(("worker 1", 400.0),),
    ),
    samples={7: [Sample(0.0, 300 * 2**20), Sample(5.0, 400 * 2**20)], 8: []},
)


@pytest.fixture
def outcome() -> Callable[..., Outcome]:
    """Return a function that makes the outcome with some parts replaced."""

    def replace_parts(**parts: Any) -> Outcome:
        return replace(OUTCOME, **parts)

    return replace_parts
