"""Drifts of forecasts and of their inputs that tests have noticed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "drift_events",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("bundle", sa.String(250), nullable=False),
        sa.Column("detector", sa.String(30), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("bucket", sa.String(20), nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("figure", sa.Float(), nullable=False),
        sa.Column("reference", sa.Float(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("opened", sa.Date(), nullable=False),
        sa.Column("judged", sa.Date(), nullable=False),
        sa.Column("quiet", sa.Date()),
        sa.Column("closed", sa.Date()),
        sa.Column("message", sa.String(1000), nullable=False),
        sa.Column("look", sa.String(500), nullable=False),
    )
    op.create_index("ix_drift_events_bundle", "drift_events", ["bundle"])
    op.create_index("ix_drift_events_closed", "drift_events", ["closed"])
