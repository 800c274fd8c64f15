"""Make the tables of the embedded scheduler, and its one virtual cluster."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "s0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _jobs()
    _attempts()
    op.create_table(
        "scheduling_local_operations",
        sa.Column("operation", sa.Text, primary_key=True),
        sa.Column("submission", sa.Text, nullable=False, index=True),
    )
    shares = op.create_table(
        "scheduling_local_shares",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("capacity", sa.Float, nullable=False),
        sa.Column("max_capacity", sa.Float, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    first = {
        "name": "default",
        "capacity": 100.0,
        "max_capacity": 100.0,
        "state": "running",
        "version": 1,
    }
    op.bulk_insert(shares, [first])


def _jobs() -> None:
    op.create_table(
        "scheduling_local_jobs",
        sa.Column("submission", sa.Text, primary_key=True),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("submitter", sa.Text, nullable=False),
        sa.Column("fs_uri", sa.Text, nullable=False),
        sa.Column("config", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("queued_at", sa.BigInteger, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("execution_type", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("user_retries", sa.Integer, nullable=False),
        sa.Column("platform_retries", sa.Integer, nullable=False),
        sa.Column("resource_retries", sa.Integer, nullable=False),
        sa.Column("exit_code", sa.Integer, nullable=True),
        sa.Column("completed_at", sa.BigInteger, nullable=True),
        sa.Column("stopping", sa.Boolean, nullable=False),
        sa.Column("forgotten", sa.Boolean, nullable=False),
    )
    op.create_index(
        "scheduling_local_one_job_a_name",
        "scheduling_local_jobs",
        ["namespace", "name"],
        unique=True,
        sqlite_where=sa.text("NOT forgotten"),
        postgresql_where=sa.text("NOT forgotten"),
    )


def _attempts() -> None:
    op.create_table(
        "scheduling_local_attempts",
        sa.Column("submission", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("tasks", sa.LargeBinary, nullable=False),
        sa.Column("launched_at", sa.BigInteger, nullable=True),
        sa.Column("completed_at", sa.BigInteger, nullable=True),
        sa.Column("exit_code", sa.Integer, nullable=True),
        sa.Column("exit_type", sa.Text, nullable=True),
        sa.Column("diagnostics", sa.Text, nullable=True),
        sa.Column("trigger_message", sa.Text, nullable=True),
        sa.Column("trigger_role", sa.Text, nullable=True),
        sa.Column("trigger_index", sa.Integer, nullable=True),
    )
    op.create_table(
        "scheduling_local_ends",
        sa.Column("submission", sa.Text, primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True),
        sa.Column("role", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("code", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("shares", "operations", "ends", "attempts", "jobs"):
        op.drop_table(f"scheduling_local_{name}")
