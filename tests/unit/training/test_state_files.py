"""States of past origins in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from features.matrix import MatrixBuilder
from features.state import PastState, state_at
from training import state_files as module
from training.recipe import Recipe
from training.sampling import training_rows
from training.state_files import StateFiles, state_files

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
    def refuse(snapshot: Snapshot, origin: int) -> PastState:
        raise AssertionError("was computed")

    monkeypatch.setattr(module, "state_at", refuse)


@pytest.fixture
def stored(snapshot: Snapshot, tmp_path: Path) -> StateFiles:
    states = StateFiles(tmp_path)
    states.state_at(snapshot, ORIGIN)
    return states


@pytest.mark.usefixtures("stored", "no_computation")
def test_a_state_is_computed_once_and_read_back_bit_for_bit(
    snapshot: Snapshot, stored: StateFiles
) -> None:
    assert_equal(stored.state_at(snapshot, ORIGIN), state_at(snapshot, ORIGIN))


def test_a_file_that_is_gone_costs_one_more_computation(
    snapshot: Snapshot, stored: StateFiles, tmp_path: Path
) -> None:
    for file in tmp_path.iterdir():
        file.unlink()
    assert_equal(stored.state_at(snapshot, ORIGIN), state_at(snapshot, ORIGIN))
    assert [*tmp_path.iterdir()]


@pytest.mark.parametrize("most_bytes", [0, 1_000], ids=["no room", "less room than a state"])
def test_states_beyond_the_limit_are_not_stored(
    snapshot: Snapshot, tmp_path: Path, most_bytes: int
) -> None:
    states = StateFiles(tmp_path, most_bytes=most_bytes)
    assert_equal(states.state_at(snapshot, ORIGIN), state_at(snapshot, ORIGIN))
    assert not [*tmp_path.iterdir()]


def test_a_folder_that_is_gone_costs_nothing_but_time(snapshot: Snapshot, tmp_path: Path) -> None:
    states = StateFiles(tmp_path / "gone")
    assert_equal(states.state_at(snapshot, ORIGIN), state_at(snapshot, ORIGIN))


def test_rows_made_of_stored_states_are_those_of_computed_ones(
    builder: MatrixBuilder, recipe: Recipe, tmp_path: Path
) -> None:
    expected = training_rows(builder, recipe, last_target=1100)
    with state_files(tmp_path) as states:
        for _ in range(2):
            rows = training_rows(
                builder, recipe, last_target=1100, state_of=states.state_at, threads=2
            )
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
