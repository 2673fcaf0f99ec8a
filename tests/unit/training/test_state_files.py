"""States of past origins in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from features.matrix import MatrixBuilder
from features.state import PastState, state_at
from features.state_parts import UpperPast
from training.recipe import Recipe
from training.sampling import training_rows
from training.state_files import PastStates, StateFiles, state_files, training_parts

ORIGIN = 900


def assert_equal(one: PastState, other: PastState) -> None:
    assert one.origin == other.origin
    for kind in ("node", "weekday", "monthday", "ahead"):
        values, expected = getattr(one, kind), getattr(other, kind)
        assert values.keys() == expected.keys()
        for name in expected:
            assert values[name].dtype == expected[name].dtype
            np.testing.assert_array_equal(values[name], expected[name], err_msg=name)


@pytest.fixture
def no_computation(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("was computed")

    monkeypatch.setattr(UpperPast, "at", refuse)
    monkeypatch.setattr(UpperPast, "state_below", refuse)


def read(snapshot: Snapshot, states: PastStates) -> PastState:
    """Return the state of all series, of the only part."""
    (part,) = training_parts(snapshot)
    return states.state_of(*states.past_at(snapshot, ORIGIN), part)


@pytest.fixture
def stored(snapshot: Snapshot, tmp_path: Path) -> StateFiles:
    states = StateFiles(tmp_path)
    read(snapshot, states)
    return states


def test_a_state_is_computed_once_and_read_back_bit_for_bit(
    snapshot: Snapshot, stored: StateFiles, request: pytest.FixtureRequest
) -> None:
    expected = state_at(snapshot, ORIGIN)
    request.getfixturevalue("no_computation")
    assert_equal(read(snapshot, stored), expected)


def test_files_that_are_gone_cost_one_more_computation(
    snapshot: Snapshot, stored: StateFiles, tmp_path: Path
) -> None:
    before = {file.name for file in tmp_path.iterdir()}
    for file in tmp_path.iterdir():
        file.unlink()
    assert_equal(read(snapshot, stored), state_at(snapshot, ORIGIN))
    assert {file.name for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize("most_bytes", [0, 1_000], ids=["no room", "less room than a state"])
def test_states_beyond_the_limit_are_not_stored(
    snapshot: Snapshot, tmp_path: Path, most_bytes: int
) -> None:
    states = StateFiles(tmp_path, most_bytes=most_bytes)
    assert_equal(read(snapshot, states), state_at(snapshot, ORIGIN))
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= most_bytes


def test_files_of_other_processes_count_towards_the_limit(
    snapshot: Snapshot, tmp_path: Path
) -> None:
    (tmp_path / "of another process").write_bytes(bytes(10**6))
    read(snapshot, StateFiles(tmp_path, most_bytes=10**6))
    assert len([*tmp_path.iterdir()]) == 1


def test_a_folder_that_is_gone_costs_nothing_but_time(snapshot: Snapshot, tmp_path: Path) -> None:
    states = StateFiles(tmp_path / "gone")
    assert_equal(read(snapshot, states), state_at(snapshot, ORIGIN))


def test_workers_store_only_what_all_parts_read(snapshot: Snapshot, tmp_path: Path) -> None:
    states = StateFiles(tmp_path).shared()
    states.store_past(snapshot, ORIGIN)
    before = [*tmp_path.iterdir()]
    assert_equal(read(snapshot, states), state_at(snapshot, ORIGIN))
    assert [*tmp_path.iterdir()] == before


def test_a_past_that_another_worker_stored_is_not_computed(
    snapshot: Snapshot, stored: StateFiles, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("no_computation")
    StateFiles(stored.folder).shared().store_past(snapshot, ORIGIN)


def test_rows_made_of_stored_states_are_those_of_computed_ones(
    builder: MatrixBuilder, recipe: Recipe, tmp_path: Path
) -> None:
    expected = training_rows(builder, recipe, last_target=1100)
    with state_files(tmp_path) as states:
        for _ in range(2):
            rows = training_rows(builder, recipe, last_target=1100, states=states, threads=2)
            for made, wanted in zip(rows, expected, strict=True):
                assert made.rows.tobytes() == wanted.rows.tobytes()
    assert not [*tmp_path.iterdir()]


def test_models_of_other_last_targets_share_origins(builder: MatrixBuilder, recipe: Recipe) -> None:
    [step] = {segment.origin_step for segment in recipe.segments}
    newest, older = (
        set(training_rows(builder, recipe, last_target=last)[0].origin.tolist())
        for last in (builder.snapshot.newest_origin, builder.snapshot.newest_origin - step // 2)
    )
    assert len(older - newest) <= 1  # an origin may be older than the span of the newer model
