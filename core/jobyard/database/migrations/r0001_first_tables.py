"""Make the tables of users, jobs, operations, idempotency keys, ports, leaders and facts.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final[str | None] = None
branch_labels: Final[str | None] = None
depends_on: Final[str | None] = None


def upgrade() -> None:
    """Make the tables."""
    _accounts()
    _journal()
    _idempotency()
    _shared()


def downgrade() -> None:
    """Drop the tables, those first that point at others."""
    for table in (
        "gateway_facts",
        "leaders",
        "port_leases",
        "idempotency_keys",
        "operations",
        "jobs",
        "grants",
        "users",
    ):
        op.drop_table(table)


def _accounts() -> None:
    op.create_table(
        "users",
        sa.Column("key", sa.Text, primary_key=True, comment="the canonical name, casefolded"),
        sa.Column("name", sa.Text, nullable=False, comment="the canonical name"),
        sa.Column("provider", sa.Text, nullable=False, comment="the provider that owns the user"),
        sa.Column(
            "admin", sa.Boolean, nullable=False, comment="as the provider said last, or was set"
        ),
        sa.Column(
            "epoch", sa.BigInteger, nullable=False, comment="raised when password or admin changes"
        ),
        sa.Column("changed_at", sa.BigInteger, nullable=False, comment="when the epoch was raised"),
        sa.Column(
            "groups", sa.Text, nullable=False, server_default="[]", comment="JSON list of texts"
        ),
        sa.Column(
            "looked_up_at",
            sa.BigInteger,
            nullable=False,
            comment="when the provider was asked last",
        ),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "grants",
        sa.Column(
            "user_key", sa.Text, sa.ForeignKey("users.key", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("virtual_cluster", sa.Text, primary_key=True),
    )


def _journal() -> None:
    op.create_table(
        "jobs",
        sa.Column("submission", sa.Text, primary_key=True, comment="UUIDv7"),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("submitter", sa.Text, nullable=False),
        sa.Column(
            "backend",
            sa.Text,
            nullable=False,
            comment="the scheduling provider it was given to",
        ),
        sa.Column("phase", sa.Text, nullable=False, comment="reserved, uncertain, accepted"),
        sa.Column("virtual_cluster", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column(
            "document",
            sa.LargeBinary,
            nullable=False,
            comment="the configuration as sent, JSON",
        ),
        sa.Column(
            "config",
            sa.LargeBinary,
            nullable=False,
            comment="after defaults, final paths, JSON",
        ),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("private_key", sa.LargeBinary, nullable=False),
        sa.Column("owner", sa.Text, nullable=False, comment="the gateway process that works on it"),
        sa.Column(
            "lease_until", sa.BigInteger, nullable=False, comment="when others may take it over"
        ),
        sa.Column(
            "looks",
            sa.Integer,
            nullable=False,
            server_default="0",
            comment="it was absent so often",
        ),
        sa.Column("looked_at", sa.BigInteger, nullable=False, server_default="0"),
        sa.UniqueConstraint("namespace", "name", name="one_job_a_name"),
    )
    op.create_index("jobs_by_phase", "jobs", ["phase"])
    op.create_table(
        "operations",
        sa.Column("operation", sa.Text, primary_key=True, comment="UUIDv7"),
        sa.Column("kind", sa.Text, nullable=False, comment="start, stop, delete"),
        sa.Column("namespace", sa.Text, nullable=True, comment="null for a legacy job"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("submission", sa.Text, nullable=True, comment="null for a job that is not ours"),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("actor_admin", sa.Boolean, nullable=False),
        sa.Column("backend", sa.Text, nullable=False, comment="the scheduling provider it is for"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
    )


def _idempotency() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("user_key", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False, comment="SHA-256 of route and body"),
        sa.Column(
            "submission", sa.Text, nullable=True, comment="what it decides on, once there is one"
        ),
        sa.Column(
            "status", sa.Integer, nullable=True, comment="null while the outcome is uncertain"
        ),
        sa.Column("body", sa.LargeBinary, nullable=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("idempotency_keys_by_submission", "idempotency_keys", ["submission"])


def _shared() -> None:
    op.create_table(
        "port_leases",
        sa.Column("host", sa.Text, primary_key=True),
        sa.Column("port", sa.Integer, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False, comment="its place within the key"),
    )
    op.create_index("port_leases_by_owner", "port_leases", ["owner"])
    op.create_table(
        "leaders",
        sa.Column("role", sa.Text, primary_key=True),
        sa.Column("term", sa.Integer, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "gateway_facts",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
