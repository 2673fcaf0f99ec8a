"""Vintages of forecasts, sales that were reported, and what the forecasts were worth."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SUMS = (
    "known",
    "sold",
    "forecast",
    "absolute",
    "squared_logs",
    "naive_absolute",
    "base_absolute",
    "judged",
    "within_80",
    "within_95",
    "interval_score",
    "log_factors",
)


def upgrade() -> None:
    _create_vintages()
    _create_actuals()
    op.create_table(
        "scored_days",
        sa.Column("bundle", sa.String(250), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("inputs", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "validations",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bundle", sa.String(250), nullable=False),
        sa.Column("snapshot", sa.String(250), nullable=False),
        sa.Column("verdict", sa.String(10), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
    )
    op.create_index("ix_validations_at", "validations", ["at"])
    op.create_table(
        "model_performance",
        sa.Column("bundle", sa.String(250), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("level", sa.String(250), primary_key=True),
        sa.Column("node", sa.String(500), primary_key=True),
        sa.Column("volume", sa.String(10), primary_key=True),
        sa.Column("days_ahead", sa.String(20), primary_key=True),
        *(sa.Column(name, sa.Float(), nullable=False) for name in _SUMS),
    )
    op.create_index(
        "ix_model_performance_groups", "model_performance", ["bundle", "node", "level", "day"]
    )


def _create_vintages() -> None:
    op.create_table(
        "forecast_vintages",
        sa.Column("name", sa.String(600), primary_key=True),
        sa.Column("bundle", sa.String(250), nullable=False),
        sa.Column("snapshot", sa.String(250), nullable=False),
        sa.Column("origin", sa.Date(), nullable=False),
        sa.Column("trained_through", sa.Date(), nullable=False),
        sa.Column("step_days", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("adaptation", sa.String(250)),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_forecast_vintages_origin", "forecast_vintages", ["origin"])


def _create_actuals() -> None:
    op.create_table(
        "actual_series",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("node", sa.String(500), nullable=False, unique=True),
    )
    op.create_table(
        "actual_reports",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("request_id", sa.String(128)),
        sa.Column("rows", sa.Integer(), nullable=False),
    )
    op.create_table(
        "actuals",
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("series", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("units", sa.Float(), nullable=False),
        sa.Column("report", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "actual_corrections",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("units", sa.Float(), nullable=False),
        sa.Column("report", sa.BigInteger(), nullable=False),
        sa.Column("corrected_by", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_actual_corrections_day", "actual_corrections", ["day", "series"])
