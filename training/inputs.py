"""Inputs of a training: its tables, or the demo's; and the cores of this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import joblib

from training.demo.generator import write_demo
from training.recipe import DEMO, Recipe


@contextmanager
def tables_and_recipe(data: Path | None) -> Iterator[tuple[Path, Recipe | None]]:
    """Yield the folder of tables, and the recipe to train on them.

    These are `data` with None, for a recipe that suits the data; or, if it is None, the demo's
    tables with the demo's recipe; these tables are deleted at the end.
    """
    if data is not None:
        yield data, None
        return
    with tempfile.TemporaryDirectory(prefix="mlrf-demo-") as folder:
        yield write_demo(Path(folder)), DEMO


def cores() -> int:
    """Return the number of cores that this process may use, by affinity and by limit of its group.

    A container may use less than its machine has, and more threads than that would be throttled.
    """
    return int(joblib.cpu_count())
