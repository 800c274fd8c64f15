"""The tables of the core. Times are milliseconds since the epoch; names are as on the wire.

What a backend keeps is in tables of its own, with migrations of its own.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

METADATA: Final = MetaData()

USERS: Final = Table(
    "users",
    METADATA,
    Column("key", Text, primary_key=True, comment="the canonical name, casefolded"),
    Column("name", Text, nullable=False, comment="the canonical name"),
    Column("provider", Text, nullable=False, comment="the provider that owns the user"),
    Column("admin", Boolean, nullable=False, comment="as the provider said last, or was set"),
    Column("epoch", BigInteger, nullable=False, comment="raised when password or admin changes"),
    Column("changed_at", BigInteger, nullable=False, comment="when the epoch was raised"),
    Column("groups", Text, nullable=False, server_default="[]", comment="JSON list of texts"),
    Column("looked_up_at", BigInteger, nullable=False, comment="when the provider was asked last"),
    Column("created_at", BigInteger, nullable=False),
)

GRANTS: Final = Table(
    "grants",
    METADATA,
    Column("user_key", ForeignKey("users.key", ondelete="CASCADE"), primary_key=True),
    Column("virtual_cluster", Text, primary_key=True),
)
"""The assigned virtual clusters of users; ``default`` and those of groups are not kept."""

JOBS: Final = Table(
    "jobs",
    METADATA,
    Column("submission", Text, primary_key=True, comment="UUIDv7"),
    Column("namespace", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("submitter", Text, nullable=False),
    Column("backend", Text, nullable=False, comment="the scheduling provider it was given to"),
    Column("phase", Text, nullable=False, comment="reserved, uncertain, accepted"),
    Column("virtual_cluster", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False, comment="the configuration as sent, JSON"),
    Column("config", LargeBinary, nullable=False, comment="after defaults, final paths, JSON"),
    Column("public_key", Text, nullable=False),
    Column("private_key", LargeBinary, nullable=False),
    Column("owner", Text, nullable=False, comment="the gateway process that works on it"),
    Column("lease_until", BigInteger, nullable=False, comment="when others may take it over"),
    Column("looks", Integer, nullable=False, server_default="0", comment="it was absent so often"),
    Column("looked_at", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("namespace", "name", name="one_job_a_name"),
    Index("jobs_by_phase", "phase"),
)
"""The journal of submissions: the reservation, and what was decided of it."""

OPERATIONS: Final = Table(
    "operations",
    METADATA,
    Column("operation", Text, primary_key=True, comment="UUIDv7"),
    Column("kind", Text, nullable=False, comment="start, stop, delete"),
    Column("namespace", Text, nullable=True, comment="null for a legacy job"),
    Column("name", Text, nullable=False),
    Column("submission", Text, nullable=True, comment="null for a job that is not ours"),
    Column("actor", Text, nullable=False),
    Column("actor_admin", Boolean, nullable=False),
    Column("backend", Text, nullable=False, comment="the scheduling provider it is for"),
    Column("created_at", BigInteger, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
)
"""Starts, stops and deletes that were accepted and not yet known to be done."""

IDEMPOTENCY: Final = Table(
    "idempotency_keys",
    METADATA,
    Column("user_key", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False, comment="SHA-256 of route and body"),
    Column("submission", Text, nullable=True, comment="what it decides on, once there is one"),
    Column("status", Integer, nullable=True, comment="null while the outcome is uncertain"),
    Column("body", LargeBinary, nullable=True),
    Column("created_at", BigInteger, nullable=False),
    Index("idempotency_keys_by_submission", "submission"),
)

PORT_LEASES: Final = Table(
    "port_leases",
    METADATA,
    Column("host", Text, primary_key=True),
    Column("port", Integer, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("position", Integer, nullable=False, comment="its place within the key"),
    Index("port_leases_by_owner", "owner"),
)

LEADERS: Final = Table(
    "leaders",
    METADATA,
    Column("role", Text, primary_key=True),
    Column("term", Integer, nullable=False),
    Column("holder", Text, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
)

FACTS: Final = Table(
    "gateway_facts",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""Small facts that every gateway on the database shares: no secrets, but their fingerprints."""
