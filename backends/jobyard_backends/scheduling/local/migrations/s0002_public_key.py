"""Keep the public half of a job's SSH key, for the daemons of its tasks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "s0002"
down_revision = "s0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("scheduling_local_jobs", sa.Column("public_key", sa.Text, nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("scheduling_local_jobs", "public_key")
