"""The subject of the benchmarks: a trained release and the tables it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from load.rounds import Spread
from models.engine import ForecastEngine
from models.serving.release import load_engine
from storage.artifacts import Store
from training.demo.generator import write_demo
from training.pipeline import train
from training.recipe import DEFAULT, DEMO, Recipe

Advance = Callable[[str], object]
"""Progress callback; called with the name of what has just been measured."""


@dataclass(frozen=True)
class Subject:
    """A release and its tables.

    Attributes:
        store: artifacts with a serving release; nothing is written into it.
        data: folder of the tables that it was trained on.
        recipe: recipe of the training.
    """

    store: Store
    data: Path
    recipe: Recipe

    @cached_property
    def engine(self) -> ForecastEngine:
        return load_engine(self.store, self.store.current())

    @property
    def size(self) -> str:
        """The size of the release, as captions describe it."""
        snapshot = self.engine.snapshot
        lasts = self.engine.bundle.facts.segments
        return (
            f"{len(snapshot.hierarchy):,} nodes, of which {snapshot.hierarchy.n_bottom:,} at the "
            f"bottom; {snapshot.n_days:,} days of sales; models for the horizons up to "
            f"{' and '.join(map(str, lasts))}"
        )


@contextmanager
def subject_of(data: Path | None, artifacts: Path | None, advance: Advance) -> Iterator[Subject]:
    """Yield the release in some artifacts, or one trained into a temporary folder.

    Args:
        data: folder of tables; the demo's if None.
        artifacts: folder with a release that was trained on them; one is trained if None.
    """
    with TemporaryDirectory(prefix="mlrf-load-") as scratch:
        folder = Path(scratch)
        tables, recipe = (write_demo(folder / "demo"), DEMO) if data is None else (data, DEFAULT)
        store = Store(artifacts or folder / "artifacts")
        if artifacts is None:
            train(tables, store, recipe, threads=2)
            advance("trained")
        yield Subject(store, tables, recipe)


def in_unit(spread: Spread, scale: float) -> tuple[float, float, float]:
    """Return median, least and most, multiplied by a scale."""
    return spread.median * scale, spread.least * scale, spread.most * scale
