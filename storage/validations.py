"""Verdicts on active releases in the database, append-only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from storage.tables import VALIDATIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredValidation:
    """A verdict on the release that was active.

    Attributes:
        at: time of the validation, aware.
        verdict: promote, hold or roll back.
        report: with the reasons, the figures of each release and of each day.
    """

    at: datetime
    bundle: str
    snapshot: str
    verdict: str
    report: dict[str, Any]


def add_validation(connection: Connection, validation: StoredValidation) -> None:
    """Add a verdict."""
    connection.execute(
        insert(VALIDATIONS),
        {
            "at": validation.at,
            "bundle": validation.bundle,
            "snapshot": validation.snapshot,
            "verdict": validation.verdict,
            "report": json.dumps(validation.report),
        },
    )


def list_validations(connection: Connection, limit: int) -> list[StoredValidation]:
    """Return the newest verdicts, the newest first."""
    query = select(VALIDATIONS).order_by(VALIDATIONS.c.id.desc()).limit(limit)
    return [
        StoredValidation(
            at=row["at"],
            bundle=row["bundle"],
            snapshot=row["snapshot"],
            verdict=row["verdict"],
            report=json.loads(row["report"]),
        )
        for row in connection.execute(query).mappings()
    ]
