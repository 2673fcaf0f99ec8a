"""Where the time of one request goes, layer by layer."""

from __future__ import annotations

from tempfile import TemporaryDirectory

from load.library import layers_run
from load.library.processes import told
from load.library.subject import Advance, Subject
from load.record import Table


def table(subject: Subject, advance: Advance) -> Table:
    """Microseconds of CPU that each layer adds to a kept answer, from outside to inside."""
    with TemporaryDirectory(prefix="mlrf-load-") as folder:
        layers = told(layers_run.__name__, str(subject.store.root.resolve()), folder, silent=True)
    advance("layers")
    whole = sum(layers.values())
    return Table(
        id="layers",
        caption=f"CPU of one `POST {layers_run.PATH}` that is kept, in the process and without a "
        f"server around it, everything switched on but Redis; least of {layers_run.ROUNDS} rounds "
        f"of {layers_run.OPERATIONS:,}. {subject.size}.",
        columns=("layer, from outside", "µs", "share"),
        rows=(
            *((name, µs, µs / whole) for name, µs in layers.items()),
            ("all", whole, 1.0),
        ),
    )
