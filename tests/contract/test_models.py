"""Administration of models over the contract: list, compare, promote, roll back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from errors import Code
from models.serving.comparison import compare_served
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.artifacts import Release, Store
from storage.keys import Scope
from tests.contract.composed import KeyClient, compose_application
from tests.contract.conftest import FixedServing, LocalRunners
from tests.support.forecast_errors import draw_errors
from tests.support.releases import OTHER_WAPE, add_other_bundle
from training.evaluation.gate import Judged, judge

MODELS = "/admin/models"


@pytest.fixture
def admin(tmp_path: Path, own_store: Store, serving_release: LoadedRelease) -> KeyClient:
    runners = LocalRunners(serving_release.engine)
    serving = FixedServing(Forecaster(serving_release, runners, runners))
    return KeyClient(compose_application(tmp_path, own_store, serving_release, serving))


@pytest.fixture
def other(own_store: Store) -> str:
    """A second bundle, of the same model but with other figures."""
    return add_other_bundle(own_store)


def read(admin: KeyClient, path: str = MODELS, **query: str) -> Any:
    response = admin.get(path, **query)
    assert response.status_code == 200, response.text
    return response.json()


def states(admin: KeyClient) -> dict[str, str]:
    return {each["bundle"]: each["state"] for each in read(admin)["models"]}


def test_models_are_listed_with_their_states(
    admin: KeyClient, own_store: Store, other: str
) -> None:
    active, candidate = read(admin)["models"]
    current = own_store.current()
    assert (active["bundle"], active["snapshot"]) == (current.bundle, current.snapshot)
    assert (active["state"], candidate["state"]) == ("active", "candidate")
    assert (candidate["bundle"], candidate["activated"]) == (other, None)
    assert active["trained_through"] == "2024-06-30"


def test_a_model_is_read_with_its_changes(admin: KeyClient, own_store: Store) -> None:
    bundle = own_store.current().bundle
    document = read(admin, f"{MODELS}/{bundle}")
    assert [change["state"] for change in document["changes"]] == ["candidate", "active"]
    assert (document["bundle"], document["verdict"]) == (bundle, None)


FIGURE = {
    "champion": 0.2,
    "challenger": 0.18,
    "change": -0.1,
    "low": -0.15,
    "high": -0.05,
    "least": -0.2,
}
SENTENCE = {"champion": "2024-05-31-0123456789abcdef", "outcome": "better", "why": "errors"}
UNRECORDED = dict.fromkeys(("origins", "change", "low", "high", "faults", "levels", "served"))
ORIGINS = {"first": "2024-04-01", "last": "2024-06-24", "n": 13}
TOGETHER = {"change": -0.1, "low": -0.15, "high": -0.05}


@pytest.mark.parametrize(
    ("record", "answer"),
    [
        pytest.param(SENTENCE, SENTENCE | UNRECORDED, id="that compared nothing"),
        pytest.param(
            SENTENCE
            | TOGETHER
            | {
                "origins": ORIGINS,
                "levels": {"total": TOGETHER | {"wape": {"champion": 0.2, "challenger": 0.18}}},
            },
            SENTENCE
            | TOGETHER
            | {
                "origins": ORIGINS,
                "faults": None,
                "levels": {
                    "total": {
                        "figures": {
                            "wape": dict.fromkeys(FIGURE) | {"champion": 0.2, "challenger": 0.18},
                        },
                        "buckets": {},
                    }
                },
                "served": None,
            },
            id="of an older version",
        ),
        pytest.param(
            SENTENCE
            | TOGETHER
            | {
                "origins": ORIGINS,
                "faults": ["the bias of the level total"],
                "levels": {"total": {"wape": FIGURE, "buckets": {"1-7": {"wape": FIGURE}}}},
                "served": {"moved": {"total": 0.03}, "slower": 0.5, "larger": 0.1},
            },
            SENTENCE
            | TOGETHER
            | {
                "origins": ORIGINS,
                "faults": ["the bias of the level total"],
                "levels": {
                    "total": {"figures": {"wape": FIGURE}, "buckets": {"1-7": {"wape": FIGURE}}}
                },
                "served": {"moved": {"total": 0.03}, "slower": 0.5, "larger": 0.1},
            },
            id="with all figures",
        ),
    ],
)
def test_a_model_is_read_with_the_verdict_of_its_training(
    admin: KeyClient, own_store: Store, record: dict[str, Any], answer: dict[str, Any]
) -> None:
    bundle = own_store.current().bundle
    own_store.record_build(bundle, {"verdict": record})
    assert read(admin, f"{MODELS}/{bundle}")["verdict"] == answer


def test_the_figures_of_a_verdict_are_those_that_the_training_recorded(
    admin: KeyClient, own_store: Store, serving_release: LoadedRelease
) -> None:
    engine = serving_release.engine
    snapshot = engine.snapshot
    first = snapshot.newest_origin - 12 * 7
    errors = draw_errors(snapshot.hierarchy, np.random.default_rng(1), origins=12, first=first)
    judged = Judged(errors, engine.intervals)
    record = judge(judged, judged, snapshot, served=compare_served(engine, engine))
    bundle = own_store.current().bundle
    own_store.record_build(bundle, {"verdict": {"champion": bundle, **record}})
    verdict = read(admin, f"{MODELS}/{bundle}")["verdict"]
    assert (verdict["outcome"], verdict["change"]) == ("equal", 0)
    for level, recorded in record["levels"].items():
        figures, buckets = (verdict["levels"][level][name] for name in ("figures", "buckets"))
        assert {**figures, "buckets": buckets} == recorded
    assert set(verdict["levels"]["total"]["figures"]) == {
        *("wape", "rmsle", "bias", "rmsse", "wis", "coverage_80", "coverage_95")
    }


def test_the_figures_of_any_model_are_read_as_those_of_the_active_one(
    admin: KeyClient, own_store: Store, other: str
) -> None:
    active = own_store.current().bundle
    assert read(admin, f"{MODELS}/{active}/metrics") == read(admin, "/model-metrics")
    metrics = read(admin, f"{MODELS}/{other}/metrics")
    assert metrics["model_version"] == other
    assert metrics["metrics"]["calibration"]["levels"]["total"]["1-7"]["wape"] == OTHER_WAPE
    assert admin.get(f"{MODELS}/2099/metrics").status_code == 404


def test_models_are_compared_by_their_figures(
    admin: KeyClient, own_store: Store, other: str
) -> None:
    bundle = own_store.current().bundle
    document = read(admin, f"{MODELS}/compare", first=bundle, second=other)
    assert (document["first"], document["second"], document["same_days"]) == (bundle, other, True)
    assert document["levels"]["total"]["1-7"]["wape"]["second"] == OTHER_WAPE
    assert set(document["levels"]["bottom"]["1-7"]) == {
        *("wape", "bias", "rmsle", "coverage_80", "coverage_95")
    }


def test_a_promoted_model_is_served_and_recorded_under_the_callers_name(
    admin: KeyClient, own_store: Store, other: str
) -> None:
    before = own_store.current()
    response = admin.post(f"{MODELS}/{other}/promote", reason="half the bias")
    assert response.json() == {
        "before": {"bundle": before.bundle, "snapshot": before.snapshot},
        "after": {"bundle": other, "snapshot": before.snapshot},
    }
    assert own_store.current() == Release(other, before.snapshot)
    entry = read(admin, "/admin/audit")["entries"][0]
    assert (entry["action"], entry["subject"]) == ("model.promote", other)
    assert "half the bias" in entry["detail"]
    assert entry["request_id"] == response.headers["x-request-id"]


def test_a_repeated_request_changes_nothing(admin: KeyClient, own_store: Store, other: str) -> None:
    before = own_store.current().bundle
    for _ in range(2):
        assert admin.post(f"{MODELS}/{other}/promote").json()["after"]["bundle"] == other
    assert admin.post(f"{MODELS}/{other}/rollback").json()["after"]["bundle"] == before
    repeated = admin.post(f"{MODELS}/{other}/rollback")
    assert "not active" in admin.problem(repeated, Code.CONFLICT)["detail"]
    assert states(admin) == {before: "active", other: "rejected"}


def test_a_rejected_model_needs_force_and_a_reason(
    admin: KeyClient, own_store: Store, other: str
) -> None:
    admin.post(f"{MODELS}/{other}/promote")
    admin.post(f"{MODELS}/{other}/rollback", reason="orders doubled")
    for fields in ({}, {"force": True}, {"reason": "please"}):
        response = admin.post(f"{MODELS}/{other}/promote", **fields)
        assert "orders doubled" in admin.problem(response, Code.CONFLICT)["detail"]
    assert admin.post(f"{MODELS}/{other}/promote", force=True, reason="data").status_code == 200


def test_a_candidate_is_retired(admin: KeyClient, other: str) -> None:
    assert admin.post(f"{MODELS}/{other}/retire", reason="old").json()["state"] == "retired"


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda admin: admin.get(f"{MODELS}/2099"), id="read"),
        pytest.param(lambda admin: admin.post(f"{MODELS}/2099/promote"), id="promote"),
        pytest.param(lambda admin: admin.post(f"{MODELS}/2099/rollback"), id="roll back"),
        pytest.param(lambda admin: admin.post(f"{MODELS}/2099/retire"), id="retire"),
        pytest.param(
            lambda admin: admin.get(f"{MODELS}/compare", first="2099", second="2"), id="compare"
        ),
    ],
)
def test_an_unknown_model_is_not_found(admin: KeyClient, call: Callable[[KeyClient], Any]) -> None:
    admin.problem(call(admin), Code.NOT_FOUND)


def test_a_damaged_model_is_not_promoted_and_the_answer_shows_no_path(
    admin: KeyClient, own_store: Store, other: str
) -> None:
    before = own_store.current()
    booster = next((own_store.bundles / other).glob("booster-*.txt"))
    booster.write_text(booster.read_text() + " ")
    detail = admin.problem(admin.post(f"{MODELS}/{other}/promote"), Code.CONFLICT)["detail"]
    assert f"bundles/{other}/{booster.name}" in detail
    assert str(own_store.root) not in detail
    assert own_store.current() == before


def test_a_snapshot_that_is_no_name_is_refused(
    admin: KeyClient, own_store: Store, other: str
) -> None:
    response = admin.post(f"{MODELS}/{other}/promote", snapshot="../../etc")
    assert "no snapshot" in admin.problem(response, Code.NOT_FOUND)["detail"]
    assert own_store.current().bundle != other


def test_a_failing_database_is_reported(
    admin: KeyClient, other: str, tmp_path: Path, own_store: Store
) -> None:
    before = own_store.current()
    (tmp_path / "mlrf.db").write_bytes(b"no database" * 100)
    for response in (admin.get(MODELS), admin.post(f"{MODELS}/{other}/promote")):
        admin.problem(response, Code.MODELS_UNAVAILABLE)
    assert own_store.current() == before


def test_a_key_for_forecasts_changes_no_model(admin: KeyClient, other: str) -> None:
    made = admin.post("/admin/keys", client="shop", scopes=[Scope.FORECAST]).json()
    response = admin.request(
        "POST", f"{MODELS}/{other}/promote", json={}, headers={"X-API-Key": made["key"]}
    )
    admin.problem(response, Code.FORBIDDEN)
