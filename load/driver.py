"""A run of a scenario: the product, k6, and what happens beside the load."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from artifacts import Release
from load import record
from load.generator import CROSSED, LOG, POINTS, SUMMARY, GeneratorError, Plan, begin
from load.memory import SETTLING, Memory
from load.outcome import Measured
from load.reloading import Reload, newer_tables, read_requests
from load.report import Outcome
from load.serving import Product, serving

REPORT = "report.html"
LOOK_SECONDS = 0.2
SETTINGS: Mapping[str, Mapping[str, str]] = {
    # so small that it is full before memory has to be flat: filling it is no leak
    "soak": {"CACHE_MAX_BYTES": str(16 * 2**20)},
}
"""Settings of the server that differ from the defaults, by scenario."""

_RELOAD = "reload"
_RELOAD_AFTER = 0.25  # of the counted time, which there is to compare with
_STOP_SECONDS = 15.0


err = Console(stderr=True)


class Watcher(Protocol):
    """What happens beside the load."""

    def look(self, elapsed: float) -> None: ...


@dataclass(frozen=True)
class Run:
    """A scenario that is to be run.

    Attributes:
        key: name of the key that requests have.
        told: what the script is told beside that.
        data: tables for a reload; the demo's if None.
        folder: for all that the run leaves behind.
    """

    plan: Plan
    workers: int
    key: str
    artifacts: Path
    release: Release | None
    told: Mapping[str, str]
    data: Path | None
    folder: Path

    def make(self) -> Outcome:
        """Run it.

        Raises:
            ArtifactError, NotReadyError, GeneratorError, ReloadFailedError: it cannot be run.
        """
        _empty(self.folder)
        with tempfile.TemporaryDirectory(prefix="mlrf-tables-") as tables:
            settings = dict(SETTINGS.get(self.plan.scenario, {}))
            if self._reloads:
                settings["DATA_DIR"] = str(newer_tables(self.data, Path(tables)))
            with serving(
                self.artifacts, workers=self.workers, release=self.release, **settings
            ) as product:
                try:
                    return self._load(product)
                finally:
                    shutil.copy(product.log, self.folder)

    def _load(self, product: Product) -> Outcome:
        plan = self.plan
        memory = Memory(
            product,
            scenario=plan.scenario,
            settled=plan.warm_up + SETTLING * plan.measured,
        )
        watchers: list[Watcher] = [memory]
        if self._reloads:
            after = plan.warm_up + _RELOAD_AFTER * plan.measured
            reload = Reload(product, scenario=plan.scenario, after=after)
            watchers.append(reload)
        told = {
            "URL": product.url,
            "KEY": product.keys[self.key],
            "OUT": str(self.folder),
            **self.told,
        }
        with _generating(plan, told, self.folder, points=self._reloads) as k6:
            _watched(k6, plan, watchers)
        measured = Measured.read(plan, self.folder)
        tables, verdicts = [measured.calls, measured.steps], [*measured.verdicts, *memory.verdicts]
        if self._reloads:
            requests = read_requests(self.folder / POINTS)
            (self.folder / POINTS).unlink()  # a line for every figure of every request
            tables.append(reload.table(requests))
            verdicts.extend(reload.verdicts(requests))
        return Outcome(
            scenario=plan.scenario,
            facts=self._facts(product.store.current()),
            verdicts=verdicts,
            tables=tables,
            wrong=measured.wrong,
            memory=memory.table,
            samples=memory.samples,
        )

    @property
    def _reloads(self) -> bool:
        return self.plan.scenario == _RELOAD

    def _facts(self, release: Release) -> dict[str, str]:
        machine, plan = record.machine(), self.plan
        rate = plan.steps[0].rate
        load = " → ".join(str(step.users) for step in plan.steps)
        think = float(self.told.get("THINK", "1"))
        settings = SETTINGS.get(plan.scenario, {})
        return {
            "load": f"{rate:,} requests a second over up to {load} connections"
            if rate
            else f"{load} users, who wait {think / 2:g} to {think * 1.5:g} s between requests",
            "time": f"{plan.measured:g} s, after {plan.warm_up:g} s of warm-up",
            "server": f"{self.workers} workers, with authentication, limits, cache, Valkey and "
            "access log; on the same machine as k6"
            + "".join(f"; {name}={value}" for name, value in settings.items()),
            "key": f"tier {self.key}",
            "bundle": release.bundle,
            "snapshot": release.snapshot,
            "machine": f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB",
        }


def _empty(folder: Path) -> None:
    """What a run before left behind must not pass for this one's."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (SUMMARY, LOG, POINTS, REPORT, "server.log"):
        (folder / name).unlink(missing_ok=True)


@contextmanager
def _generating(
    plan: Plan, told: Mapping[str, str], folder: Path, *, points: bool
) -> Iterator[subprocess.Popen[bytes]]:
    """k6 at work; it has ended when the block has.

    Raises:
        GeneratorError: it made no measurement.
    """
    k6 = begin(plan, told, folder, points=points)
    try:
        yield k6
    finally:
        if k6.poll() is None:
            k6.terminate()
            k6.wait(_STOP_SECONDS)
    if k6.returncode not in (0, CROSSED):
        log = (folder / LOG).read_text(encoding="utf-8", errors="replace")
        raise GeneratorError(f"k6 ended with exit code {k6.returncode}:\n{log[-3000:]}")


def _watched(k6: subprocess.Popen[bytes], plan: Plan, watchers: Sequence[Watcher]) -> None:
    """Wait for the end of k6, while others look."""
    columns = (TextColumn("{task.description:<16}"), BarColumn(), TimeElapsedColumn())
    total = plan.warm_up + plan.measured
    with Progress(*columns, console=err) as progress:
        task, start = progress.add_task("warm-up", total=total), time.monotonic()
        while k6.poll() is None:
            elapsed = time.monotonic() - start
            progress.update(task, completed=min(elapsed, total), description=_now(plan, elapsed))
            for watcher in watchers:
                watcher.look(elapsed)
            time.sleep(LOOK_SECONDS)
        progress.update(task, completed=total, description=plan.scenario)


def _now(plan: Plan, elapsed: float) -> str:
    here = [step for step in plan.steps if step.start <= elapsed]
    return f"{here[-1].users} users" if here else "warm-up"
