"""Adoption of the outliers that a snapshot has recorded into the database.

Processes that read newer tables may have no database: they leave what they list in the snapshot.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from features.data.screening.outlier import Outlier
from features.data.table_report import read_outliers
from storage.key_store import utc_now
from storage.outlier_events import NewOutlierEvent, StoredOutlierEvent, adopt_events


def adopt_outliers(connection: Connection, snapshot: Path) -> tuple[StoredOutlierEvent, ...]:
    """Record the outliers of a snapshot in the caller's transaction, and return what is new.

    Repeated, it changes nothing and returns nothing.

    Args:
        snapshot: its folder.
    """
    events = [_event_of(each) for each in read_outliers(snapshot)]
    return adopt_events(connection, snapshot.name, events, at=utc_now())


def _event_of(outlier: Outlier) -> NewOutlierEvent:
    return NewOutlierEvent(
        kind=outlier.kind.value,
        severity=outlier.severity.value,
        node=outlier.node,
        series_column=outlier.column,
        first=outlier.first,
        last=outlier.last,
        value=outlier.value,
        expected=outlier.expected,
        message=outlier.message,
        replaced=outlier.replaced,
    )
