"""Trials of releases beside the active one, and what they have shown."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "rollouts",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("bundle", sa.String(250), nullable=False),
        sa.Column("stage", sa.String(10), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("step_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("report", sa.Text()),
    )
    op.create_index("ix_rollouts_ended_at", "rollouts", ["ended_at"])
    op.create_table(
        "rollout_evidence",
        sa.Column("rollout", _NUMBER, primary_key=True),
        sa.Column("worker", sa.String(32), primary_key=True),
        sa.Column("role", sa.String(10), primary_key=True),
        sa.Column("call", sa.String(200), primary_key=True),
        sa.Column("share", sa.Float(), primary_key=True),
        sa.Column("answers", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("log_seconds", sa.Float(), nullable=False),
        sa.Column("log_squares", sa.Float(), nullable=False),
        sa.Column("moved", sa.Float(), nullable=False),
    )
