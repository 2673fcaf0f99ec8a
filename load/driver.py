"""One run of a scenario: the service, k6, and the watchers that run beside the load."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from load import record
from load.generator import CROSSED, LOG, POINTS, SUMMARY, GeneratorError, Plan, start_run
from load.memory import SETTLING, Memory
from load.outcome import RunSummary
from load.reloading import Reload, newer_tables, read_requests
from load.report import Outcome
from load.serving import Product, serving
from load.sink import running_sink, trace_settings
from storage.artifacts import Release

REPORT = "report.html"
LOOK_SECONDS = 0.2
SETTINGS: Mapping[str, Mapping[str, str]] = {
    # small enough to be full before memory must be flat: filling the cache is not a leak
    "soak": {"CACHE_MAX_BYTES": str(16 * 2**20)},
}
"""Server settings that differ from the defaults, by scenario."""

_RELOAD = "reload"
_RELOAD_AFTER = 0.25  # share of the counted time; requests before it are the baseline
_STOP_SECONDS = 15.0


err = Console(stderr=True)


class Watcher(Protocol):
    """An observer that is called repeatedly while load is put on the server."""

    def look(self, elapsed: float) -> None: ...


@dataclass(frozen=True)
class Run:
    """A scenario with everything needed to run it.

    Attributes:
        key: name of the API key that requests carry.
        environment: variables of the k6 script, beside those that the run itself sets.
        data: tables for a reload; the demo's if None.
        folder: receives every output file of the run.
        traced: share of the requests whose traces are exported; None without tracing.
    """

    plan: Plan
    workers: int
    key: str
    artifacts: Path
    release: Release | None
    environment: Mapping[str, str]
    data: Path | None
    folder: Path
    traced: float | None = None

    def make(self) -> Outcome:
        """Run the scenario and return its outcome.

        Raises:
            ArtifactError, NotReadyError, GeneratorError, ReloadFailedError: it cannot be run.
        """
        _remove_results(self.folder)
        with ExitStack() as stack:
            settings = dict(SETTINGS.get(self.plan.scenario, {}))
            if self._reloads:
                tables = stack.enter_context(tempfile.TemporaryDirectory(prefix="mlrf-tables-"))
                settings["DATA_DIR"] = str(newer_tables(self.data, Path(tables)))
            if self.traced is not None:
                settings |= trace_settings(stack.enter_context(running_sink()), self.traced)
            product = stack.enter_context(
                serving(self.artifacts, workers=self.workers, release=self.release, **settings)
            )
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
        environment = {
            "URL": product.url,
            "KEY": product.keys[self.key],
            "OUT": str(self.folder),
            **self.environment,
        }
        with _running_k6(plan, environment, self.folder, points=self._reloads) as k6:
            _watch(k6, plan, watchers)
        summary = RunSummary.read(plan, self.folder)
        tables, verdicts = [summary.calls, summary.steps], [*summary.verdicts, *memory.verdicts]
        if self._reloads:
            requests = read_requests(self.folder / POINTS)
            (self.folder / POINTS).unlink()  # large: one line for each figure of each request
            tables.append(reload.table(requests))
            verdicts.extend(reload.verdicts(requests))
        return Outcome(
            scenario=plan.scenario,
            facts=self._facts(product.store.current()),
            verdicts=verdicts,
            tables=tables,
            wrong=summary.wrong,
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
        think = float(self.environment.get("THINK", "1"))
        settings = SETTINGS.get(plan.scenario, {})
        return {
            "load": f"{rate:,} requests a second over up to {load} connections"
            if rate
            else f"{load} users, who wait {think / 2:g} to {think * 1.5:g} s between requests",
            "time": f"{plan.measured:g} s, after {plan.warm_up:g} s of warm-up",
            "server": f"{self.workers} workers, with authentication, limits, cache, Valkey and "
            "access log; on the same machine as k6"
            + "".join(f"; {name}={value}" for name, value in settings.items())
            + (f"; {self.traced:.0%} of the requests traced" if self.traced is not None else ""),
            "key": f"tier {self.key}",
            "bundle": release.bundle,
            "snapshot": release.snapshot,
            "machine": f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB",
        }


def _remove_results(folder: Path) -> None:
    """Remove the output files of an earlier run, so that none is taken for one of this run."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (SUMMARY, LOG, POINTS, REPORT, "server.log"):
        (folder / name).unlink(missing_ok=True)


@contextmanager
def _running_k6(
    plan: Plan, environment: Mapping[str, str], folder: Path, *, points: bool
) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a running k6, which has ended when the block is left.

    Raises:
        GeneratorError: k6 failed and measured nothing.
    """
    k6 = start_run(plan, environment, folder, points=points)
    try:
        yield k6
    finally:
        if k6.poll() is None:
            k6.terminate()
            k6.wait(_STOP_SECONDS)
    if k6.returncode not in (0, CROSSED):
        log = (folder / LOG).read_text(encoding="utf-8", errors="replace")
        raise GeneratorError(f"k6 ended with exit code {k6.returncode}:\n{log[-3000:]}")


def _watch(k6: subprocess.Popen[bytes], plan: Plan, watchers: Sequence[Watcher]) -> None:
    """Wait for the end of k6, calling the watchers every `LOOK_SECONDS`."""
    columns = (TextColumn("{task.description:<16}"), BarColumn(), TimeElapsedColumn())
    total = plan.warm_up + plan.measured
    with Progress(*columns, console=err) as progress:
        task, start = progress.add_task("warm-up", total=total), time.monotonic()
        while k6.poll() is None:
            elapsed = time.monotonic() - start
            progress.update(
                task, completed=min(elapsed, total), description=_describe_step(plan, elapsed)
            )
            for watcher in watchers:
                watcher.look(elapsed)
            time.sleep(LOOK_SECONDS)
        progress.update(task, completed=total, description=plan.scenario)


def _describe_step(plan: Plan, elapsed: float) -> str:
    started = [step for step in plan.steps if step.start <= elapsed]
    return f"{started[-1].users} users" if started else "warm-up"
