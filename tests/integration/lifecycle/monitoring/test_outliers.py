"""The outliers that a snapshot has recorded are adopted into the database, once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from sqlalchemy import Engine

from features.data.findings import Report
from features.data.reading.layout import STANDARD
from features.data.screening.outlier import Outlier, OutlierKind, OutlierSeverity
from features.data.table_report import write_report
from lifecycle.monitoring.outliers import adopt_outliers
from storage.database import writing
from storage.outlier_events import OutlierEventStore, OutlierFilter

SHIFT = Outlier(
    kind=OutlierKind.DECIMAL_SHIFT,
    severity=OutlierSeverity.CRITICAL,
    node="family:BEVERAGES",
    column="sales",
    first=date(2024, 6, 28),
    last=date(2024, 6, 28),
    value=1_004_300.0,
    expected=None,
    message="family:BEVERAGES sold 1,004,300",
    replaced=True,
)


def test_outliers_of_a_snapshot_are_adopted_once(engine: Engine, tmp_path: Path) -> None:
    write_report(tmp_path, Report(), STANDARD, [SHIFT])
    for count in (1, 0):
        with writing(engine) as connection:
            assert len(adopt_outliers(connection, tmp_path)) == count
    (event,) = OutlierEventStore(engine).list(OutlierFilter(), 10)
    assert (event.kind, event.severity, event.snapshot) == (
        "decimal-shift",
        "critical",
        tmp_path.name,
    )
    assert (event.node, event.series_column, event.replaced) == ("family:BEVERAGES", "sales", True)
    assert (event.value, event.expected, event.message) == (SHIFT.value, None, SHIFT.message)


def test_a_snapshot_without_a_report_has_nothing_to_adopt(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as connection:
        assert adopt_outliers(connection, tmp_path) == ()
