"""Sampling of the rows that a model is trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.data.calendar import NO_HOLIDAY
from features.data.closures import OUTLIER
from features.data.specification import FAVORITA
from features.data.step import Step
from features.matrix import MatrixBuilder
from features.state import MIN_HISTORY_DAYS
from training import sampling, state_files
from training.history import TooLittleHistoryError
from training.recipe import Recipe, Segment
from training.sampling import TrainingSet, training_rows

pytestmark = pytest.mark.slow

LAST = 1100
YEAR = Step.DAY.year


@pytest.fixture(scope="module")
def rows(builder: MatrixBuilder, dense: Recipe) -> TrainingSet:
    return far_rows(builder, dense)


@pytest.fixture(scope="module")
def dense(recipe: Recipe) -> Recipe:
    """Return a recipe with so many rows that every horizon is drawn."""
    segments = [segment.model_copy(update={"max_rows": 60_000}) for segment in recipe.segments]
    return recipe.model_copy(update={"segments": tuple(segments)})


def far(recipe: Recipe) -> Segment:
    return recipe.segments[-1]


def far_rows(builder: MatrixBuilder, recipe: Recipe, *, threads: int = 1) -> TrainingSet:
    """Return the rows of the segment that reaches the whole horizon."""
    return training_rows(builder, recipe, last_target=LAST, threads=threads)[-1]


def column(rows: TrainingSet, name: str) -> np.ndarray:
    values: np.ndarray = rows.rows[:, rows.names.index(name)]
    return values


def test_no_target_lies_after_the_last_day_allowed(rows: TrainingSet, dense: Recipe) -> None:
    targets = rows.origin + column(rows, "horizon")
    assert targets.max() == LAST
    assert LAST - 1 - far(dense).origin_step < rows.origin.max() <= LAST - 1


def test_plans_of_days_after_the_last_target_are_not_known(
    rows: TrainingSet, builder: MatrixBuilder, dense: Recipe
) -> None:
    """The week around the last target reaches beyond it."""
    covariates = dict(builder.snapshot.covariates)
    promo = covariates["onpromotion"].copy()
    promo[:, LAST + 1 :] += 31
    altered = replace(builder.snapshot, covariates=covariates | {"onpromotion": promo})
    others = far_rows(MatrixBuilder(altered, builder.contract), dense)
    np.testing.assert_array_equal(others.rows, rows.rows)


def test_every_horizon_of_the_segment_occurs(rows: TrainingSet) -> None:
    assert set(column(rows, "horizon").astype(int)) == set(range(1, FAVORITA.horizon + 1))


def test_targets_are_the_sales_of_the_day(rows: TrainingSet, builder: MatrixBuilder) -> None:
    snapshot = builder.snapshot
    days = (rows.origin + column(rows, "horizon")).astype(int)
    for number in range(0, len(days), 997):
        codes = {
            name: builder.contract.categories[name][int(column(rows, name)[number])]
            for name in ("store", "family")
        }
        node = snapshot.hierarchy.index[f"store:{codes['store']}/family:{codes['family']}"]
        assert rows.units[number] == snapshot.sales[node, days[number]]


def test_promotions_are_planned_in_some_rows_and_hidden_in_others(rows: TrainingSet) -> None:
    hidden = np.isnan(column(rows, "promo"))
    assert 0.2 < hidden.mean() < 0.8


def test_a_series_gives_no_row_before_its_first_sale(rows: TrainingSet) -> None:
    assert column(rows, "age").min() >= 1


def test_the_same_seed_draws_the_same_rows(
    builder: MatrixBuilder, dense: Recipe, rows: TrainingSet
) -> None:
    again = far_rows(builder, dense)
    assert again.rows.tobytes() == rows.rows.tobytes()
    reseeded = dense.model_copy(update={"seed": dense.seed + 1})
    other = far_rows(builder, reseeded)
    assert other.rows.tobytes() != rows.rows.tobytes()


def test_a_segment_has_the_same_rows_beside_others_and_alone(
    builder: MatrixBuilder, dense: Recipe, rows: TrainingSet
) -> None:
    near = dense.segments[0].model_copy(update={"origin_step": 11})
    both = dense.model_copy(update={"segments": (near, far(dense))})
    single = Recipe.model_construct(**{**dict(dense), "segments": (near,)})
    of_near, of_far = training_rows(builder, both, last_target=LAST)
    assert of_far.rows.tobytes() == rows.rows.tobytes()
    [near_rows] = training_rows(builder, single, last_target=LAST)
    assert of_near.rows.tobytes() == near_rows.rows.tobytes()
    assert set(of_near.origin.tolist()) != set(of_far.origin.tolist())


def test_more_series_than_rows_are_sampled_at_every_origin(
    builder: MatrixBuilder, dense: Recipe
) -> None:
    origins = len(np.unique(far_rows(builder, dense).origin))
    limit = builder.snapshot.hierarchy.n_bottom * origins // 4
    scarce = far(dense).model_copy(update={"max_rows": limit})
    single = Recipe.model_construct(**{**dict(dense), "segments": (scarce,)})
    [drawn] = training_rows(builder, single, last_target=LAST)
    assert limit / 2 < len(drawn.rows) <= limit + origins
    bottoms = np.arange(builder.snapshot.hierarchy.n_upper, len(builder.snapshot.hierarchy))
    shared = [
        training_rows(builder, single, last_target=LAST, share=share)[0]
        for share in np.array_split(bottoms, 3)
    ]
    assert sum(len(each.rows) for each in shared) == len(drawn.rows)


@pytest.mark.parametrize("chosen", [0.0, 1.0], ids=["whole parts", "drawn series alone"])
@pytest.mark.parametrize("max_rows", [60_000, 700], ids=["many rows each", "few series at a time"])
def test_rows_do_not_depend_on_how_the_series_are_divided(
    builder: MatrixBuilder,
    dense: Recipe,
    monkeypatch: pytest.MonkeyPatch,
    max_rows: int,
    chosen: float,
) -> None:
    """Not even in their order, on which the trees depend."""
    segments = [
        each.model_copy(update={"max_rows": max_rows, "origin_step": 61}) for each in dense.segments
    ]
    divided = dense.model_copy(update={"segments": tuple(segments)})
    snapshot = builder.snapshot

    def rows_of(size: int) -> list[TrainingSet]:
        parts = snapshot.split(size)
        monkeypatch.setattr(state_files, "training_parts", lambda snapshot: parts)
        monkeypatch.setattr(sampling, "training_parts", lambda snapshot: parts)
        return training_rows(builder, divided, last_target=LAST)

    whole = rows_of(snapshot.hierarchy.n_bottom)
    assert all(len(each.units) for each in whole)
    monkeypatch.setattr(state_files, "_MOST_CHOSEN", chosen)
    for size in (1, snapshot.hierarchy.n_bottom // 3 + 1):
        for made, expected in zip(rows_of(size), whole, strict=True):
            for name in ("rows", "units", "origin", "node"):
                assert getattr(made, name).tobytes() == getattr(expected, name).tobytes()


def test_too_little_history_is_refused(builder: MatrixBuilder, dense: Recipe) -> None:
    with pytest.raises(ValueError, match="needs at least"):
        training_rows(builder, dense, last_target=30)


def test_rows_do_not_depend_on_the_number_of_threads(
    builder: MatrixBuilder, dense: Recipe, rows: TrainingSet
) -> None:
    threaded = far_rows(builder, dense, threads=3)
    assert threaded.rows.tobytes() == rows.rows.tobytes()
    assert threaded.units.tobytes() == rows.units.tobytes()


def test_undelivered_days_and_outliers_are_no_targets(
    builder: MatrixBuilder, dense: Recipe, rows: TrainingSet
) -> None:
    snapshot = builder.snapshot
    bottom = snapshot.hierarchy.n_upper
    sales = snapshot.sales.copy()
    sales[bottom, LAST - 2 : LAST + 1] = np.nan
    sales[bottom + 1, LAST - 30] = 1e12
    assert snapshot.status is not None, "a store of the demo was shut for months"
    status = snapshot.status.copy()
    status[1, LAST - 30] = OUTLIER
    some = replace(snapshot, sales=sales, estimated=snapshot.sales, status=status)
    fewer = far_rows(MatrixBuilder(some, builder.contract), dense)
    assert np.isfinite(fewer.units).all()
    assert fewer.units.max() < 1e12
    assert 0 < len(rows.units) - len(fewer.units) < 500


def targets_of(rows: TrainingSet, day: int) -> TrainingSet:
    return rows.take(rows.origin + column(rows, "horizon").astype(int) == day)


@pytest.mark.parametrize(
    ("of_name", "is_target"),
    [
        pytest.param(False, False, id="on a plain day: an outage, unless it sells little anyway"),
        pytest.param(True, True, id="on a holiday: it may be shut"),
    ],
)
def test_days_on_which_nothing_is_sold_all_of_a_sudden_are_no_targets(
    builder: MatrixBuilder, dense: Recipe, rows: TrainingSet, of_name: bool, is_target: bool
) -> None:
    snapshot = builder.snapshot
    has_name = snapshot.calendar.names[: LAST + 1] != NO_HOLIDAY
    day = int(np.flatnonzero(has_name == of_name)[-1])
    sales = snapshot.sales.copy()
    sales[:, day] = 0
    without = replace(snapshot, sales=sales)
    made = far_rows(MatrixBuilder(without, builder.contract), dense)
    before, after = targets_of(rows, day), targets_of(made, day)
    sells = np.expm1(column(before, "expected")) > 20
    assert sells.any()
    assert not sells.all()
    assert len(after.units) == (len(sells) if is_target else np.count_nonzero(~sells))


@pytest.mark.parametrize(
    ("begin", "after"),
    [
        pytest.param(LAST - 3 * YEAR + 100, YEAR, id="a year, where another year is left"),
        pytest.param(LAST - 2 * YEAR + 50, MIN_HISTORY_DAYS - 1, id="at once, where less is left"),
    ],
)
def test_origins_begin_after_the_first_sale(
    builder: MatrixBuilder, dense: Recipe, begin: int, after: int
) -> None:
    """Zeros that fill a panel before its first sale are no history."""
    sales = builder.snapshot.sales.copy()
    sales[:, :begin] = 0
    late = MatrixBuilder(replace(builder.snapshot, sales=sales), builder.contract)
    rows = far_rows(late, dense)
    assert begin + after <= rows.origin.min() < begin + after + far(dense).origin_step


def test_training_rows_without_sales_are_refused(builder: MatrixBuilder, dense: Recipe) -> None:
    empty = replace(builder.snapshot, sales=np.zeros_like(builder.snapshot.sales))
    with pytest.raises(TooLittleHistoryError):
        far_rows(MatrixBuilder(empty, builder.contract), dense)
