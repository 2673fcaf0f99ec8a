"""CPU time of one request, by middleware layer."""

from __future__ import annotations

from tempfile import TemporaryDirectory

from load.library import layers_run
from load.library.processes import run_module
from load.library.subject import Advance, Subject
from load.record import Table


def table(subject: Subject, advance: Advance) -> Table:
    """Return the CPU time in µs that each layer adds to a cache hit, from outside to inside."""
    with TemporaryDirectory(prefix="mlrf-load-") as folder:
        layers = run_module(
            layers_run.__name__, str(subject.store.root.resolve()), folder, silent=True
        )
    advance("layers")
    whole = sum(layers.values())
    return Table(
        id="layers",
        caption=f"CPU of one `POST {layers_run.PATH}` that hits the cache, in the process and "
        f"without a server around it, everything switched on but Redis; least of "
        f"{layers_run.ROUNDS} rounds of {layers_run.OPERATIONS:,}. {subject.size}.",
        columns=("layer, from outside", "µs", "share"),
        rows=(
            *((name, µs, µs / whole) for name, µs in layers.items()),
            ("all", whole, 1.0),
        ),
    )
