"""Events that leave the service: their targets, the outbox, and what could not be delivered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _event_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("target", sa.String(20), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("subject", sa.String(250), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "event_targets",
        sa.Column("name", sa.String(20), primary_key=True),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner", sa.String(32)),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("paused_until", sa.DateTime(timezone=True)),
        sa.Column("stopped_at", sa.DateTime(timezone=True)),
        sa.Column("lost", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "event_outbox",
        sa.Column("id", _NUMBER, primary_key=True),
        *_event_columns(),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failure", sa.String(500), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_event_outbox_target_event", "event_outbox", ["target", "event"], unique=True
    )
    op.create_index("ix_event_outbox_waiting", "event_outbox", ["target", "sent_at", "due_at"])
    op.create_table(
        "event_dead_letters",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=False),
        *_event_columns(),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failure", sa.String(500), nullable=False),
        sa.Column("died_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        "ix_event_dead_letters_target_event",
        "event_dead_letters",
        ["target", "event"],
        unique=True,
    )
