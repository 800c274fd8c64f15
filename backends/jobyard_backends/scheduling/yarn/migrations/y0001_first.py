"""Make the tables of the YARN scheduler."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "y0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "scheduling_yarn_marks",
        sa.Column("framework", sa.Text, primary_key=True),
        sa.Column("incarnation", sa.Text, primary_key=True),
        sa.Column("execution_type", sa.Text, nullable=False),
        sa.Column("stopped", sa.Boolean, nullable=False),
        sa.Column("ended_at", sa.BigInteger, nullable=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "scheduling_yarn_operations",
        sa.Column("operation", sa.Text, primary_key=True),
        sa.Column("framework", sa.Text, nullable=False, index=True),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "scheduling_yarn_ports",
        sa.Column("submission", sa.Text, primary_key=True),
        sa.Column("framework", sa.Text, nullable=False),
        sa.Column("ports", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("ports", "operations", "marks"):
        op.drop_table(f"scheduling_yarn_{name}")
