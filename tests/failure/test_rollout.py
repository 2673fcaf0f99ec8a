"""The trial of a model goes on, or ends, and fails no request, whatever is killed meanwhile."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from storage.artifacts import Store
from tests.failure.conftest import Target, two_workers
from tests.failure.load import Request
from tests.failure.test_database import PostgreSQL
from tests.support.postgresql import running_postgresql
from tests.support.releases import add_other_bundle, add_scaled_bundle
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

CALLERS = 16
CONNECTIONS = 8
"""Requests of a caller, each over a new connection: both workers are very likely to answer one."""


@dataclass
class Trial:
    """A server of two workers, its callers and its database."""

    target: Target
    store: Store
    database: PostgreSQL | None
    keys: list[str]

    def begin(self, bundle: str, share: float) -> None:
        document: dict[str, Any] = {"share": share}
        started = self.target.post(Request(f"/admin/models/{bundle}/canary", document))
        assert started.status_code == 200, started.text

    def state_of(self, bundle: str) -> str:
        models = self.target.get("/admin/models").json()["models"]
        return next(each["state"] for each in models if each["bundle"] == bundle)

    def answers(self) -> dict[str, set[str]]:
        """Return the models that answer each caller; fail if a request fails."""
        return {key: {self._ask(key) for _ in range(CONNECTIONS)} for key in self.keys}

    def _ask(self, key: str) -> str:
        response = self.target.post(Request("/forecast", {"node": "total", "horizon": 7}), key)
        assert response.status_code == 200, response.text
        model: str = response.json()["model_version"]
        return model


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    with running_postgresql() as server:
        yield PostgreSQL(server)


@pytest.fixture(params=["sqlite", "postgresql"])
def trial(request: pytest.FixtureRequest, trained: Store, tmp_path: Path) -> Iterator[Trial]:
    store = Store(Path(shutil.copytree(trained.root, tmp_path / "artifacts")))
    settings, database = {}, None
    if request.param == "postgresql":
        database = request.getfixturevalue("postgresql")
        database.empty()
        settings["DATABASE_URL"] = database.url
    with two_workers(tmp_path, store, **settings) as target:
        keys = [target.new_key(f"caller-{number}") for number in range(CALLERS)]
        yield Trial(target, store, database, keys)


def test_both_workers_agree_on_who_takes_part_whatever_is_killed(trial: Trial) -> None:
    active, other = trial.store.current().bundle, add_other_bundle(trial.store)
    trial.begin(other, share=0.5)

    def settled() -> bool:
        models = trial.answers().values()
        return all(len(each) == 1 for each in models) and {other} in models

    wait_until(settled)
    before = trial.answers()
    assert {model for models in before.values() for model in models} == {active, other}
    with ExitStack() as outage:
        if trial.database is not None:
            outage.enter_context(trial.database.outage())
        assert trial.answers() == before
    trial.target.workers()[0].kill()
    wait_until(lambda: len(trial.target.workers()) == 2)
    wait_until(lambda: trial.answers() == before)
    assert trial.state_of(other) == "canary"


def test_a_model_that_forecasts_half_as_much_again_answers_nobody(trial: Trial) -> None:
    active, scaled = trial.store.current().bundle, add_scaled_bundle(trial.store, 1.5)
    trial.begin(scaled, share=1.0)
    models: Counter[str] = Counter()

    def rejected() -> bool:
        models.update(model for each in trial.answers().values() for model in each)
        return trial.state_of(scaled) == "rejected"

    wait_until(rejected)
    assert models.keys() == {active}
    assert trial.store.current().bundle == active
