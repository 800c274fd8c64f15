"""Make the tables of jobs as YARN Services."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "scheduling_yarn_services_jobs",
        sa.Column("submission", sa.Text, primary_key=True),
        sa.Column("framework", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("live", sa.Boolean, nullable=False),
        sa.Column("forgotten", sa.Boolean, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
    )
    op.create_index(
        "scheduling_yarn_services_one_job_a_name",
        "scheduling_yarn_services_jobs",
        ["framework"],
        unique=True,
        sqlite_where=sa.text("NOT forgotten"),
        postgresql_where=sa.text("NOT forgotten"),
    )
    op.create_table(
        "scheduling_yarn_services_operations",
        sa.Column("operation", sa.Text, primary_key=True),
        sa.Column("submission", sa.Text, nullable=False, index=True),
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("operations", "jobs"):
        op.drop_table(f"scheduling_yarn_services_{name}")
