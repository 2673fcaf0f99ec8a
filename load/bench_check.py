"""Our calls against their recorded ratios to other servers, so that a slower one is noticed.

    python -m load.bench_check

Times depend on the machine and on what else runs there; ratios to a server that is measured in
turn with ours do so far less. Exit code 0: every call has a ratio that is not smaller than
recorded by more than the tolerance; 1: one has none, requests failed, or nothing could be measured.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated

import typer

from load import record
from load.page import markdown
from load.record import Machine, Table
from load.rival_servers import BASELINES, RIVALS
from load.server import NotReadyError
from load.side_by_side import (
    ARTIFACTS,
    NAME,
    Artifacts,
    Workers,
    err,
    measure_in_turn,
    running_bench,
    warm_up,
)
from load.wrk import Contender, ToolMissingError

TOLERANCE = 0.15
"""Share by which a ratio may change."""

_RATIO = "× "
_OURS = "/"


class Verdict(StrEnum):
    """The outcome of a comparison."""

    STEADY = "as recorded"
    FASTER = "faster: record it anew"
    NEW = "not recorded"
    UNEVEN = "smaller beside this server only"
    SLOWER = "slower"
    FAILING = "requests failed"
    MISSING = "not measured"


REFUSED = (Verdict.SLOWER, Verdict.FAILING, Verdict.MISSING)
"""Verdicts that fail the check."""


@dataclass(frozen=True)
class RatioComparison:
    """A ratio of one of our calls to another server, recorded and measured.

    Attributes:
        base: the column of the ratio, such as ``× FastAPI``.
        recorded: None if the record lacks it.
        measured: None if the run lacks it.
    """

    call: str
    base: str
    recorded: float | None
    measured: float | None
    verdict: Verdict

    @property
    def key(self) -> tuple[str, str]:
        """Identity among the comparisons of a run."""
        return self.call, self.base

    @property
    def percent(self) -> float | None:
        """Change in percent of the recorded ratio, if there are both."""
        if not self.recorded or self.measured is None:
            return None
        return 100 * (self.measured / self.recorded - 1)


def main(
    rounds: Annotated[int, typer.Option(min=1, help="The median of so many counts.")] = 5,
    seconds: Annotated[int, typer.Option(min=1, help="Of each measurement.")] = 3,
    workers: Workers = 2,
    artifacts: Artifacts = ARTIFACTS,
    tolerance: Annotated[
        float, typer.Option(min=0.01, max=1, help="Share by which a ratio may fall.")
    ] = TOLERANCE,
) -> None:
    """Measure our calls beside two other servers, and compare the ratios with the recorded ones."""
    recorded = record.read(NAME)
    _match_machine(recorded.machine)
    try:
        bases = [rival for rival in RIVALS if rival.name in BASELINES.values()]
        with running_bench(artifacts, workers, bases) as bench:
            warm_up(bench.contenders)

            def measure(calls: Collection[str] | None) -> list[Table]:
                return measure_in_turn(select_calls(bench.contenders, calls), rounds, seconds)

            comparisons = check_ratios(recorded.tables, measure, tolerance)
    except (NotReadyError, ToolMissingError) as error:
        err.print(f"bench-check: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    sys.stdout.write(markdown(table_of(comparisons, tolerance)))
    if any(comparison.verdict in REFUSED for comparison in comparisons):
        raise typer.Exit(1)


def check_ratios(
    recorded: Sequence[Table],
    measure: Callable[[Collection[str] | None], Sequence[Table]],
    tolerance: float = TOLERANCE,
) -> list[RatioComparison]:
    """Compare ratios with those of the record; slower calls are measured a second time.

    A second measurement keeps a busy moment of the machine from failing the check: a call is
    slower only if it is so in both. Failed requests count in either.

    Args:
        measure: returns tables of the calls with these names, or of all if None.
    """
    first = compare_ratios(recorded, measure(None), tolerance)
    slower = {one.call for one in first if one.verdict is Verdict.SLOWER}
    if not slower:
        return first
    err.print(f"Slower, measured again: {'; '.join(sorted(slower))}", markup=False, soft_wrap=True)
    second = {
        one.key: one
        for one in compare_ratios(recorded, measure(slower), tolerance)
        if one.call in slower
    }
    return [
        second[one.key]
        if one.verdict is Verdict.SLOWER
        or (one.key in second and second[one.key].verdict is Verdict.FAILING)
        else one
        for one in first
    ]


def select_calls(
    contenders: Sequence[Contender], calls: Collection[str] | None
) -> Sequence[Contender]:
    """Return the calls of these names with what they are compared with; all if None."""
    if calls is None:
        return contenders
    works = {contender.work for contender in contenders if contender.name in calls}
    return [
        contender
        for contender in contenders
        if contender.name in calls
        or (contender.work in works and not contender.name.startswith(_OURS))
    ]


def compare_ratios(
    recorded: Iterable[Table], measured: Iterable[Table], tolerance: float = TOLERANCE
) -> list[RatioComparison]:
    """Compare each ratio of our calls with the recorded one, those of the record first.

    A call that has become slower is so beside every server. If it is beside one only, that server
    has become faster, or was measured in a quieter moment.

    Args:
        recorded: tables of `load.side_by_side`.
        measured: tables of the same form.
    """
    measured = list(measured)
    before, now = _ratios(recorded), _ratios(measured)
    failing = {
        str(row[0])
        for table in measured
        for row, failed in zip(table.rows, table.column("failed"), strict=True)
        if failed
    }
    comparisons = [
        RatioComparison(
            *key,
            recorded=before.get(key),
            measured=now.get(key),
            verdict=Verdict.FAILING
            if key[0] in failing
            else _judge(before.get(key), now.get(key), tolerance),
        )
        for key in (before | now)
    ]
    steady = {one.call for one in comparisons if one.verdict in (Verdict.STEADY, Verdict.FASTER)}
    return [
        replace(one, verdict=Verdict.UNEVEN)
        if one.verdict is Verdict.SLOWER and one.call in steady
        else one
        for one in comparisons
    ]


def table_of(comparisons: Iterable[RatioComparison], tolerance: float) -> Table:
    """Return comparisons as a table."""
    return Table(
        id="check",
        caption=f"Ratios of requests a second; all {tolerance:.0%} less than recorded fails.",
        columns=("call", "ratio", "recorded", "measured", "change %", "verdict"),
        rows=tuple(
            (one.call, one.base, one.recorded, one.measured, one.percent, one.verdict.value)
            for one in comparisons
        ),
    )


def _ratios(tables: Iterable[Table]) -> dict[tuple[str, str], float]:
    """Return the ratios of our calls by call and column."""
    return {
        (str(row[0]), column): float(cell)
        for table in tables
        for row in table.rows
        if str(row[0]).startswith(_OURS)
        for column, cell in zip(table.columns, row, strict=True)
        if column.startswith(_RATIO) and isinstance(cell, int | float)
    }


def _judge(recorded: float | None, measured: float | None, tolerance: float) -> Verdict:
    if measured is None:
        return Verdict.MISSING
    if recorded is None:
        return Verdict.NEW
    if measured < recorded * (1 - tolerance):
        return Verdict.SLOWER
    return Verdict.FASTER if measured > recorded * (1 + tolerance) else Verdict.STEADY


def _match_machine(recorded: Machine) -> None:
    """Use as many cores as the record did, and warn if the machine is another one.

    With more cores the load generator no longer takes time from the servers, which changes the
    ratios. Servers inherit the cores of this process.
    """
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[: recorded.cores])
    machine = record.machine()
    if (machine.cpu, machine.cores) != (recorded.cpu, recorded.cores):
        err.print(
            f"The ratios were recorded on {recorded.cores} cores of {recorded.cpu!r}, and this "
            f"machine has {machine.cores} of {machine.cpu!r}: some may differ for that reason.",
            markup=False,
            soft_wrap=True,
        )


if __name__ == "__main__":
    typer.run(main)
