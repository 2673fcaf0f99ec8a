"""Predictions that were computed for single requests, and what was sold instead."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "prediction_feedback",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("caller", sa.String(200), nullable=False),
        sa.Column("operation", sa.String(100), nullable=False),
        sa.Column("bundle", sa.String(250), nullable=False),
        sa.Column("snapshot", sa.String(250), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("erased", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_prediction_feedback_erased_at", "prediction_feedback", ["erased", "at"])
    op.create_index("ix_prediction_feedback_request_id", "prediction_feedback", ["request_id"])
    op.create_table(
        "prediction_actuals",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("prediction", sa.BigInteger(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("date", sa.Date()),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
    )
    op.create_index("ix_prediction_actuals_prediction", "prediction_actuals", ["prediction"])
