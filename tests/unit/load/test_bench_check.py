"""The check of our ratios to other servers: its verdicts, and its second measurement."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import pytest

from load import record
from load.bench_check import (
    REFUSED,
    RatioComparison,
    Verdict,
    check_ratios,
    compare_ratios,
    select_calls,
    table_of,
)
from load.record import Cell, Table
from load.rival_servers import BASELINES
from load.side_by_side import NAME
from load.wrk import MANY, ONE, Contender

COLUMNS = ("", "requests/s", "failed", "× FastAPI", "× Starlette")
CACHED, COMPUTED = "/predict/simple, cached", "/predict/simple, computed"
FAST = ("FastAPI + onnxruntime", 100.0, 0, 1.0, 0.5)


def table(*rows: tuple[Cell, ...], columns: tuple[str, ...] = COLUMNS) -> Table:
    return Table(id="one", caption="One.", columns=columns, rows=rows)


def call(
    fast: float | None, bare: float | None = None, *, name: str = CACHED, failed: int = 0
) -> tuple[Cell, ...]:
    return name, 100.0, failed, fast, bare


def verdicts(comparisons: Sequence[RatioComparison]) -> dict[str, Verdict]:
    return {one.call: one.verdict for one in comparisons}


@pytest.mark.parametrize(
    ("recorded", "measured", "verdict"),
    [
        pytest.param(2.0, 2.0, Verdict.STEADY, id="the same"),
        pytest.param(2.0, 1.71, Verdict.STEADY, id="less, within the tolerance"),
        pytest.param(2.0, 1.69, Verdict.SLOWER, id="less, beyond it"),
        pytest.param(2.0, 2.29, Verdict.STEADY, id="more, within the tolerance"),
        pytest.param(2.0, 2.31, Verdict.FASTER, id="more, beyond it"),
        pytest.param(None, 2.0, Verdict.NEW, id="without a recorded ratio"),
        pytest.param(2.0, None, Verdict.MISSING, id="without a measured ratio"),
    ],
)
def test_a_ratio_is_judged_by_its_change(
    recorded: float | None, measured: float | None, verdict: Verdict
) -> None:
    (comparison,) = compare_ratios([table(call(recorded))], [table(call(measured))])
    assert comparison == RatioComparison(CACHED, "× FastAPI", recorded, measured, verdict)


def test_a_narrower_tolerance_judges_more_strictly() -> None:
    (comparison,) = compare_ratios([table(call(2.0))], [table(call(1.9))], 0.02)
    assert comparison.verdict is Verdict.SLOWER


def test_a_call_that_is_slower_beside_one_server_only_does_not_fail() -> None:
    first, second = compare_ratios([table(call(2.0, 1.0))], [table(call(2.0, 0.5))])
    assert (first.base, first.verdict) == ("× FastAPI", Verdict.STEADY)
    assert (second.base, second.verdict, second.percent) == ("× Starlette", Verdict.UNEVEN, -50)
    assert Verdict.UNEVEN not in REFUSED


def test_a_call_that_is_slower_beside_every_server_fails() -> None:
    comparisons = compare_ratios([table(call(2.0, 1.0))], [table(call(1.6, 0.8))])
    assert [one.verdict for one in comparisons] == [Verdict.SLOWER, Verdict.SLOWER]
    assert Verdict.SLOWER in REFUSED


def test_only_our_calls_are_compared_and_in_all_tables() -> None:
    recorded = [table(call(2.0), FAST), table(call(1.0, name="/predict/batch"))]
    measured = [table(call(2.0), (*FAST[:3], 0.1, 0.1)), table(call(1.0, name="/predict/batch"))]
    comparisons = compare_ratios(recorded, measured)
    assert verdicts(comparisons) == {CACHED: Verdict.STEADY, "/predict/batch": Verdict.STEADY}


def test_a_recorded_call_that_is_no_longer_measured_fails() -> None:
    comparisons = compare_ratios([table(call(2.0))], [table(call(2.0, name=COMPUTED))])
    assert verdicts(comparisons) == {CACHED: Verdict.MISSING, COMPUTED: Verdict.NEW}
    assert Verdict.MISSING in REFUSED
    assert Verdict.NEW not in REFUSED


def test_failed_requests_fail_a_call_that_is_fast() -> None:
    (comparison,) = compare_ratios([table(call(2.0))], [table(call(9.0, failed=1))])
    assert comparison.verdict is Verdict.FAILING
    assert Verdict.FAILING in REFUSED


Measured = Callable[[Collection[str] | None], list[Table]]


@pytest.fixture
def requested() -> list[Collection[str] | None]:
    """Return the calls of each measurement that was made."""
    return []


@pytest.fixture
def measuring(requested: list[Collection[str] | None]) -> Callable[..., Measured]:
    """Return what makes measurements out of one table for each of them."""

    def of(*tables: Table) -> Measured:
        left = list(tables)

        def measure(calls: Collection[str] | None) -> list[Table]:
            requested.append(calls)
            return [left.pop(0)]

        return measure

    return of


RECORDED = [table(call(2.0, 1.0), call(2.0, 1.0, name=COMPUTED), FAST)]
STEADY = call(2.0, 1.0, name=COMPUTED)


def test_calls_as_recorded_are_measured_once(
    measuring: Callable[..., Measured], requested: list[Collection[str] | None]
) -> None:
    comparisons = check_ratios(RECORDED, measuring(table(call(2.0, 1.0), STEADY)))
    assert set(verdicts(comparisons).values()) == {Verdict.STEADY}
    assert requested == [None]


@pytest.mark.parametrize(
    ("again", "outcome"),
    [
        pytest.param(call(2.0, 1.0), [Verdict.STEADY, Verdict.STEADY], id="as recorded, it passes"),
        pytest.param(call(1.2, 0.6), [Verdict.SLOWER, Verdict.SLOWER], id="slower, it fails"),
        pytest.param(
            call(2.0, 0.5), [Verdict.STEADY, Verdict.UNEVEN], id="slower beside one, it passes"
        ),
        pytest.param(
            call(2.0, 1.0, failed=3), [Verdict.FAILING, Verdict.FAILING], id="failing, it fails"
        ),
    ],
)
def test_a_slower_call_is_measured_again(
    measuring: Callable[..., Measured],
    requested: list[Collection[str] | None],
    again: tuple[Cell, ...],
    outcome: list[Verdict],
) -> None:
    comparisons = check_ratios(
        RECORDED, measuring(table(call(1.0, 0.5), STEADY), table(again, FAST))
    )
    assert [one.verdict for one in comparisons if one.call == CACHED] == outcome
    assert verdicts(comparisons)[COMPUTED] is Verdict.STEADY
    assert requested == [None, {CACHED}]


def test_a_faster_call_is_not_measured_again(
    measuring: Callable[..., Measured], requested: list[Collection[str] | None]
) -> None:
    comparisons = check_ratios(RECORDED, measuring(table(call(3.0, 2.0), STEADY)))
    assert verdicts(comparisons)[CACHED] is Verdict.FASTER
    assert requested == [None]


def test_a_second_measurement_is_of_those_calls_and_what_they_are_compared_with() -> None:
    names = {CACHED: ONE, COMPUTED: ONE, BASELINES["FastAPI"]: ONE, "FastAPI, 100 rows": MANY}
    contenders = [
        Contender(name, work, "http://127.0.0.1", "/", ()) for name, work in names.items()
    ]
    assert select_calls(contenders, None) == contenders
    selected = select_calls(contenders, {CACHED})
    assert [contender.name for contender in selected] == [CACHED, BASELINES["FastAPI"]]


def test_the_table_lists_both_ratios_and_the_change() -> None:
    comparisons = compare_ratios([table(call(2.0))], [table(call(1.0))])
    written = table_of(comparisons, 0.15)
    assert written.rows == ((CACHED, "× FastAPI", 2.0, 1.0, -50.0, "slower"),)
    assert "all 15% less than recorded fails" in written.caption


def test_the_record_agrees_with_itself() -> None:
    """The names by which the check knows our calls and their ratios are those of the record."""
    tables = record.read(NAME).tables
    comparisons = compare_ratios(tables, tables)
    assert set(verdicts(comparisons).values()) == {Verdict.STEADY}
    assert len(comparisons) == 2 * len(verdicts(comparisons)) >= 14
