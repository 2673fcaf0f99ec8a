"""Screening of newer tables, beside what a store serves."""

from __future__ import annotations

from config.outliers import OutlierPolicy
from features.data.screening.outlier import Outlier
from features.data.screening.treatment import Screening
from features.data.snapshot_files import read_facts
from features.data.table_report import read_outliers
from storage.artifacts import ArtifactError, Store

MAX_LISTED = 20
"""Outliers that the result of a job lists."""


def screening_of(store: Store, policy: OutlierPolicy) -> Screening:
    """Return the screening of tables that are newer than what a store serves.

    Where it serves nothing, or the demo, the last days of the tables are screened.
    """
    try:
        snapshot = store.snapshots / store.current().snapshot
        facts = read_facts(snapshot)
    except ArtifactError:
        return Screening(policy)
    if facts.demo:
        return Screening(policy)
    return Screening(policy, facts.origin, read_outliers(snapshot))


def list_new(store: Store, snapshot: str, screening: Screening) -> list[str]:
    """Return the outliers of a snapshot that were not on record before, in words."""
    before = {(each.identity, each.last) for each in screening.recorded}
    new: list[Outlier] = [
        each
        for each in read_outliers(store.snapshots / snapshot)
        if (each.identity, each.last) not in before
    ]
    texts = [each.message for each in new[:MAX_LISTED]]
    more = len(new) - len(texts)
    return [*texts, f"and {more} more"] if more else texts
