"""What degrades a server: old data do, unless they are the demo's."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from api.status import newest_expected
from application.conditions import Conditions
from features.snapshot import Facts

MAX_AGE = 7


def conditions(facts: Facts) -> Conditions:
    serving = SimpleNamespace(engine=SimpleNamespace(snapshot=SimpleNamespace(facts=facts)))
    watcher: Any = SimpleNamespace(serving=serving, degraded=())
    keys: Any = SimpleNamespace(away=False)
    return Conditions(watcher, None, keys, MAX_AGE)


@pytest.mark.parametrize("demo", [False, True])
@pytest.mark.parametrize("age", [0, MAX_AGE, MAX_AGE + 1, 900])
def test_old_data_degrade_a_server_but_not_those_of_the_demo(age: int, demo: bool) -> None:
    origin = newest_expected() - timedelta(age)
    facts = Facts(
        first_date=date(2021, 1, 1), origin=origin, promotions_known_through=origin, demo=demo
    )
    names = [reason.name for reason in conditions(facts).reasons()]
    assert names == (["data"] if age > MAX_AGE and not demo else [])
