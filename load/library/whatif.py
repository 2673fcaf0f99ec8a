"""Time of what-ifs and explanations of one caller, by what they are of; without HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter, process_time

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from features.data.specification import BOTTOM, FAVORITA, TOTAL
from load.library.subject import Advance, Subject
from load.record import Table
from models.explanation import explain
from models.scenario import ADD, SET, Adjustment
from models.serving.forecaster import Forecaster
from models.serving.prediction_pool import PredictionPool
from models.serving.release import LoadedRelease, load_release

_COVARIATE = "onpromotion"
_PAST_DAYS, _ORIGIN_BEFORE = 10, 60
"""Days that are adjusted in the what-if from a past origin; how long before the newest it is."""

Call = Callable[[int], Awaitable[object]]
"""One call; its number makes it differ from the others."""


@dataclass(frozen=True)
class _Runners:
    """The two runners in this process, as a worker has them."""

    release: LoadedRelease
    pool: PredictionPool

    async def infer(
        self, bundle: str, snapshot: str, rows: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        return await self.pool.predict(self.release.engine.bundle.model.predict, rows)

    async def reconcile(
        self, bundle: str, snapshot: str, base: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return self.release.engine.reconciliation.reconcile(base).values


def table(subject: Subject, advance: Advance, *, calls: int = 20) -> Table:
    """Return the milliseconds of a call, and of the processor, of each case."""
    release = load_release(subject.store, subject.store.current())
    times: dict[str, list[tuple[float, float]]] = {}

    async def measure() -> None:
        cases = _cases(release)
        for number in range(-1, calls):  # the first round fills what is computed once
            for name, call in cases.items():
                began, busy = perf_counter(), process_time()
                await call(number)
                if number >= 0:
                    elapsed = perf_counter() - began, process_time() - busy
                    times.setdefault(name, []).append(elapsed)
                advance(f"what-ifs: {name}")

    anyio.run(measure)
    return Table(
        id="whatif",
        caption=f"What-ifs over {FAVORITA.horizon} days and explanations of a day, one caller, in "
        f"process; {calls} calls each, all of other values. {subject.size}.",
        columns=("call", "p50 ms", "p95 ms", "processor ms"),
        rows=tuple(
            (
                name,
                *(
                    float(np.percentile([wall for wall, _ in each], share)) * 1e3
                    for share in (50, 95)
                ),
                float(np.median([busy for _, busy in each])) * 1e3,
            )
            for name, each in times.items()
        ),
    )


def _cases(release: LoadedRelease) -> dict[str, Call]:
    engine = release.engine
    snapshot, slices = engine.snapshot, engine.snapshot.hierarchy.slices
    pool = PredictionPool()
    runners = _Runners(release, pool)
    forecaster = Forecaster(release, runners, runners)
    newest, horizons = snapshot.newest_origin, np.arange(1, snapshot.horizon + 1)
    nodes = {level: rows.start for level, rows in slices.items()}
    sites = snapshot.specification.between[0]
    reach = min(int(snapshot.known_lead[_COVARIATE].min()), snapshot.horizon)

    def whatif(node: int, op: str, days: int, origin: int = newest) -> Call:
        async def call(number: int) -> object:
            adjustment = Adjustment(_COVARIATE, op, 5.0 + number / 7, origin + 1, origin + days)
            return await forecaster.compare(origin, horizons, node, [adjustment])

        return call

    def explanation(horizon: int) -> Call:
        days = np.array([horizon])

        async def call(number: int) -> object:
            row = slices[BOTTOM].start + (97 * (number + 1)) % snapshot.hierarchy.n_bottom
            coherent = release.forecasts.mean[:, days - 1]
            return await anyio.to_thread.run_sync(explain, engine, newest, row, days, coherent)

        return call

    return {
        "what-if of a series": whatif(nodes[BOTTOM], SET, len(horizons)),
        f"what-if of a {sites}": whatif(nodes[sites], SET, len(horizons)),
        "what-if of the total": whatif(nodes[TOTAL], SET, len(horizons)),
        f"what-if of the total, the {reach} days whose plans are known": whatif(
            nodes[TOTAL], ADD, reach
        ),
        "what-if of a series, from a past origin": whatif(
            nodes[BOTTOM], SET, _PAST_DAYS, newest - _ORIGIN_BEFORE
        ),
        "explanation of a near day": explanation(1),
        "explanation of a far day": explanation(snapshot.horizon),
    }
