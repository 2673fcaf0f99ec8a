"""Examples as tests read them: a tenth of their size."""

from __future__ import annotations

from collections.abc import Callable

from features.data.specification import Specification
from features.data.tables import CheckedTables

SCALE = 0.1

Read = Callable[[str], CheckedTables]
"""Reads the tables of an example by its name."""


def kinds_of(specification: Specification) -> dict[str, tuple[str, bool, tuple[str, ...]]]:
    """Return kind, whether known ahead, and columns of variation of the covariates, by name."""
    return {
        each.name: (each.kind.value, each.known_ahead, each.by) for each in specification.covariates
    }
