"""Planners' overrides."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    op.create_table(
        "overrides",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("op", sa.String(10), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("spread", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("author", sa.String(100), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True)),
        sa.Column("withdrawn_by", sa.String(100)),
        sa.Column("created_revision", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_revision", sa.BigInteger()),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("origin", sa.Date(), nullable=False),
        sa.Column("statistical", sa.Text(), nullable=False),
        sa.Column("days", sa.Text(), nullable=False),
    )
    op.create_index("ix_overrides_last", "overrides", ["last"])
    op.create_index("ix_overrides_node", "overrides", ["node"])
    op.create_index("ix_overrides_created_revision", "overrides", ["created_revision"], unique=True)
    op.create_index(
        "ix_overrides_withdrawn_revision", "overrides", ["withdrawn_revision"], unique=True
    )
