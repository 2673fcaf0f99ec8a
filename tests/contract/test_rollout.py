"""Trial of a second release over the contract: who gets its answers, and what ends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from app.application import Application
from app.trial.trial import is_chosen
from config.rollout import RolloutPlan
from errors import Code
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.artifacts import Store
from storage.keys import Scope
from tests.contract.composed import KeyClient, bearer, compose_application
from tests.contract.conftest import FixedServing, LocalRunners
from tests.support.releases import add_other_bundle, add_scaled_bundle

PLAN = RolloutPlan(shares=(0.5, 1.0), answers=3, seconds=0, failures=2, repeated=1.0)
ROLLOUT = "/admin/rollout"
FORECAST: dict[str, Any] = {"node": "total", "horizon": 7}
WHATIF: dict[str, Any] = {"node": "store:1", "horizon": 7, "adjustments": {"onpromotion": 3}}


class Runners(LocalRunners):
    """Runners whose model may fail."""

    fails = False

    async def infer(
        self, bundle: str, snapshot: str, rows: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        if self.fails:
            raise RuntimeError("out of memory")
        return await super().infer(bundle, snapshot, rows)


@dataclass(frozen=True)
class Serving(FixedServing):
    """The active release, and runners for another one."""

    runners: Runners
    failing: list[bool] = field(default_factory=list)

    def bind(self, release: LoadedRelease) -> Forecaster:
        runners = Runners(release.engine)
        runners.fails = bool(self.failing)
        return Forecaster(release, runners, runners)


@dataclass
class World:
    """A worker, its client, and a candidate beside the active release."""

    app: Application
    client: KeyClient
    store: Store
    serving: Serving
    active: str
    candidate: str

    def observe(self) -> None:
        """Let the worker follow the rollout once."""
        anyio.run(self.app.trial.observe)

    def begin(self, stage: str, **body: Any) -> httpx.Response:
        path = f"/admin/models/{self.candidate}/{stage}"
        response = self.client.post(path, **body)
        self.observe()
        return response

    def state(self) -> Any:
        return self.client.get(ROLLOUT).json()["rollout"]

    def role(self, name: str) -> Any:
        return next(each for each in self.state()["roles"] if each["role"] == name)

    def state_of(self, bundle: str) -> str:
        models = self.client.get("/admin/models").json()["models"]
        return next(each["state"] for each in models if each["bundle"] == bundle)

    def forecast(self, headers: dict[str, str] | None = None) -> httpx.Response:
        response = self.client.request("POST", "/forecast", json=FORECAST, headers=headers or {})
        assert response.status_code == 200, response.text
        return response


@pytest.fixture
def world(tmp_path: Path, own_store: Store, serving_release: LoadedRelease) -> World:
    runners = Runners(serving_release.engine)
    serving = Serving(Forecaster(serving_release, runners, runners), runners)
    app = compose_application(
        tmp_path, own_store, serving_release, serving, rollout_plan=PLAN.model_dump()
    )
    return World(
        app,
        KeyClient(app),
        own_store,
        serving,
        active=own_store.current().bundle,
        candidate=add_other_bundle(own_store),
    )


# --- a shadow -----------------------------------------------------------------------------------


def test_nothing_is_in_trial_at_first(world: World) -> None:
    assert world.state() is None
    assert "x-mlrf-release" not in world.forecast().headers


def test_a_shadow_is_compared_whole_and_answers_nobody(world: World) -> None:
    started = world.begin("shadow", reason="new features")
    assert started.status_code == 200, started.text
    assert started.json()["memory_bytes"] > 100_000
    state = world.state()
    assert (state["bundle"], state["stage"], state["share"]) == (world.candidate, "shadow", 0)
    report = state["report"]
    assert set(report["moved"].values()) == {0.0}, "it is the same model"
    assert report["total"] == 1
    assert report["incoherence"] < 1e-9
    assert report["recent"]["total"]["active"] == report["recent"]["total"]["challenger"]
    assert state["worse"] == 0
    answer = world.forecast()
    assert answer.json()["model_version"] == world.active
    assert answer.headers["x-mlrf-release"].startswith(world.active)
    assert world.state_of(world.candidate) == "shadow"


def test_a_shadow_repeats_what_was_computed(world: World) -> None:
    world.begin("shadow")
    assert world.client.post("/whatif", **WHATIF).status_code == 200
    anyio.run(world.app.trial.repeat_requests)
    world.observe()
    shadow = world.role("shadow")
    assert (shadow["answers"], shadow["failures"], shadow["moved"]) == (1, 0, 0.0)
    assert world.role("active")["answers"] >= 1


def test_a_tester_with_the_scope_chooses_the_release(world: World) -> None:
    world.begin("shadow")
    chosen = world.forecast({"X-MLRF-Release": world.candidate})
    assert chosen.json()["model_version"] == world.candidate
    assert chosen.headers["x-mlrf-release"].startswith(world.candidate)
    without = world.forecast({"X-MLRF-Release": world.candidate, **bearer([Scope.FORECAST])})
    assert without.json()["model_version"] == world.active


# --- a canary -----------------------------------------------------------------------------------


def test_a_canary_answers_those_who_take_part_and_always_the_same(world: World) -> None:
    started = world.begin("canary", share=0.5)
    assert started.status_code == 200, started.text
    rollout = 1
    for subject in (f"caller-{number}" for number in range(20)):
        takes_part = is_chosen(rollout, f"jwt:{subject}", 0.5)
        wanted = world.candidate if takes_part else world.active
        for _ in range(2):
            answer = world.forecast(bearer([Scope.FORECAST], subject=subject))
            assert answer.json()["model_version"] == wanted
            assert answer.headers["x-mlrf-release"].startswith(wanted)
    world.observe()
    assert world.role("active")["answers"] + world.role("canary")["answers"] == 40
    assert world.state()["at_share"] == world.role("canary")["answers"] > 5


def test_those_who_take_part_at_a_share_do_so_at_all_larger_ones() -> None:
    subjects = [f"key:{number}" for number in range(2000)]
    chosen = [{each for each in subjects if is_chosen(7, each, share)} for share in (0.01, 0.1, 1)]
    assert chosen[0] < chosen[1] < chosen[2] == set(subjects)
    assert len(chosen[1]) / len(subjects) == pytest.approx(0.1, abs=0.02)
    assert chosen[1] != {each for each in subjects if is_chosen(8, each, 0.1)}


def test_the_cache_does_not_answer_from_the_other_release(world: World) -> None:
    before = world.forecast()
    assert world.forecast().headers["x-cache"] == "hit"
    world.begin("canary", share=1)
    answer = world.forecast()
    assert answer.json()["model_version"] == world.candidate
    world.client.post("/admin/rollout/stop")
    world.observe()
    again = world.forecast()
    assert again.json() == before.json()
    assert "x-mlrf-release" not in again.headers


def test_a_canary_that_fails_is_answered_for_by_the_active_release_and_ends(world: World) -> None:
    world.serving.failing.append(True)
    world.begin("canary", share=1)
    for number in range(12):
        answer = world.client.post("/whatif", **WHATIF | {"horizon": 7 + number})
        assert answer.status_code == 200, answer.text
        assert answer.json()["model_version"] == world.active
        assert answer.headers["x-mlrf-release"].startswith(world.active)
    assert world.state_of(world.candidate) == "canary"
    world.observe()
    assert world.state() is None
    assert world.state_of(world.candidate) == "rejected"
    assert "x-mlrf-release" not in world.forecast().headers


def test_failures_of_the_active_release_count_too(world: World) -> None:
    """Otherwise a challenger would be rejected for what fails with both."""
    world.begin("canary", share=1e-9)
    world.serving.runners.fails = True
    for number in range(3):
        answer = world.client.post("/whatif", **WHATIF | {"horizon": 7 + number})
        assert answer.status_code == 500
    world.observe()
    assert (world.role("active")["answers"], world.role("active")["failures"]) == (3, 3)


def test_a_request_that_is_wrong_is_no_failure_of_the_canary(world: World) -> None:
    world.begin("canary", share=1)
    for _ in range(12):
        assert world.client.post("/whatif", **WHATIF | {"node": "none"}).status_code == 400
    world.observe()
    assert world.role("canary")["failures"] == 0
    assert world.state() is not None


def test_a_model_that_forecasts_half_as_much_again_answers_nobody(world: World) -> None:
    """All checks of its files pass; its forecasts of known days do not."""
    world.candidate = add_scaled_bundle(world.store, 1.5)
    assert world.begin("canary", share=1).status_code == 200
    assert world.state() is None
    assert world.state_of(world.candidate) == "rejected"
    assert world.forecast().json()["model_version"] == world.active
    changes = world.client.get(f"/admin/models/{world.candidate}").json()["changes"]
    assert "errors on the newest days are" in changes[-1]["reason"]
    assert changes[-1]["actor"] == "rollout"


def test_a_canary_of_the_plan_is_promoted_after_its_last_share(world: World) -> None:
    assert world.begin("canary").json()["share"] == 0.5
    for _ in range(2):
        for subject in (f"caller-{number}" for number in range(20)):
            world.forecast(bearer([Scope.FORECAST], subject=subject))
        world.observe()
    assert world.store.current().bundle == world.candidate
    assert world.state() is None
    assert world.state_of(world.candidate) == "active"
    assert world.state_of(world.active) == "retired"


def test_a_stopped_trial_leaves_everything_as_it_was(world: World) -> None:
    world.begin("canary", share=1)
    stopped = world.client.post("/admin/rollout/stop", reason="lunch")
    assert (stopped.status_code, stopped.json()) == (200, {"rollout": None})
    world.observe()
    assert world.forecast().json()["model_version"] == world.active
    assert world.state_of(world.candidate) == "candidate"


def test_there_is_nothing_to_stop(world: World) -> None:
    world.client.problem(world.client.post("/admin/rollout/stop"), Code.CONFLICT)


@pytest.mark.parametrize("share", [0, -0.1, 1.1, "half"])
def test_a_share_is_a_part_of_the_callers(world: World, share: Any) -> None:
    world.client.problem(world.begin("canary", share=share), Code.INVALID_REQUEST)


def test_monitoring_reports_on_the_active_release(world: World) -> None:
    world.begin("canary", share=1)
    assert world.client.get("/health").json()["model_version"] == world.active
