"""The memory of a training on a cluster is estimated before it begins."""

from __future__ import annotations

import pytest

from errors import InputError
from features.data.snapshot import Snapshot
from features.matrix import MatrixBuilder
from training.engines import memory_estimate
from training.engines.memory_estimate import estimate_bytes, require_memory
from training.recipe import Recipe
from training.sampling import most_rows, training_rows

MIB = 1024**2


@pytest.mark.parametrize(
    ("rows", "measured"),
    [
        pytest.param([434_500, 434_500], 1160, id="0.9 million rows"),
        pytest.param([550_400, 550_400], 1330, id="1.1 million rows"),
        pytest.param([1_669_300, 1_788_400], 3529, id="3.5 million rows"),
    ],
)
def test_the_estimate_is_near_what_a_worker_took(rows: list[int], measured: int) -> None:
    """Peaks of one worker that trained on the Favorita data, 1,870 nodes, in MiB."""
    estimate = estimate_bytes(rows, features=94, nodes=1870, workers=1) / MIB
    assert estimate == pytest.approx(measured, rel=0.05)


def test_more_workers_need_less_each() -> None:
    needs = [estimate_bytes([10**7], features=94, nodes=100, workers=count) for count in (1, 2, 4)]
    assert needs[0] > 1.8 * needs[1] > 3 * needs[2]


def test_a_segment_has_no_more_rows_than_estimated(builder: MatrixBuilder, recipe: Recipe) -> None:
    last = builder.snapshot.newest_origin
    made = training_rows(builder, recipe, last_target=last)
    for rows, segment in zip(made, recipe.segments, strict=True):
        most = most_rows(segment, builder.snapshot, last_target=last)
        assert 0.5 * most < len(rows.units) <= most


def test_many_series_do_not_have_more_rows_than_the_recipe_states(
    snapshot: Snapshot, recipe: Recipe
) -> None:
    """Beyond one row at each origin, which is the least that is drawn."""
    few = recipe.segments[0].model_copy(update={"max_rows": 1})
    origins = most_rows(few, snapshot, last_target=1000)
    assert 1 < origins < snapshot.hierarchy.n_bottom
    limit = origins * snapshot.hierarchy.n_bottom // 2
    half = few.model_copy(update={"max_rows": limit})
    assert limit <= most_rows(half, snapshot, last_target=1000) < limit + origins


def judge(snapshot: Snapshot, recipe: Recipe, *limits: int | None, here: bool = False) -> None:
    workers = {str(number): {"memory_limit": limit} for number, limit in enumerate(limits)}
    require_memory(workers, snapshot, recipe, features=94, last_target=1000, here=here)


def test_the_smallest_worker_decides(snapshot: Snapshot, recipe: Recipe) -> None:
    judge(snapshot, recipe, 2048 * MIB, 1024 * MIB)
    with pytest.raises(InputError, match=r"on each of 2 workers, and they have 0\.1 GiB"):
        judge(snapshot, recipe, 2048 * MIB, 100 * MIB)


def test_workers_of_this_machine_share_its_memory(
    snapshot: Snapshot, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_estimate, "MEMORY_LIMIT", 1024 * MIB)
    judge(snapshot, recipe, 0, here=True)
    with pytest.raises(InputError, match=r"they have 0\.1 GiB"):
        judge(snapshot, recipe, *[0] * 10, here=True)


def test_workers_elsewhere_without_a_limit_are_not_judged(
    snapshot: Snapshot, recipe: Recipe
) -> None:
    judge(snapshot, recipe, None, 0)
