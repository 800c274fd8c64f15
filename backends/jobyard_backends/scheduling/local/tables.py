"""The embedded scheduler's own tables. Times are milliseconds since the epoch."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

METADATA: Final = MetaData()

JOBS: Final = Table(
    "scheduling_local_jobs",
    METADATA,
    Column("submission", Text, primary_key=True),
    Column("namespace", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("submitter", Text, nullable=False),
    Column("fs_uri", Text, nullable=False),
    Column("config", LargeBinary, nullable=False, comment="after defaults, final paths, JSON"),
    Column("created_at", BigInteger, nullable=False),
    Column("queued_at", BigInteger, nullable=False, comment="when the next attempt may start"),
    Column("phase", Text, nullable=False),
    Column("execution_type", Text, nullable=False),
    Column("attempts", Integer, nullable=False, comment="how many were begun"),
    Column("user_retries", Integer, nullable=False),
    Column("platform_retries", Integer, nullable=False),
    Column("resource_retries", Integer, nullable=False),
    Column("exit_code", Integer, nullable=True),
    Column("completed_at", BigInteger, nullable=True),
    Column("stopping", Boolean, nullable=False),
    Column("forgotten", Boolean, nullable=False, comment="deleted, and still ending"),
    Column("public_key", Text, nullable=True, comment="for SSH, in OpenSSH's form"),
    Index(
        "scheduling_local_one_job_a_name",
        "namespace",
        "name",
        unique=True,
        sqlite_where=text("NOT forgotten"),
        postgresql_where=text("NOT forgotten"),
    ),
)

ATTEMPTS: Final = Table(
    "scheduling_local_attempts",
    METADATA,
    Column("submission", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("tasks", LargeBinary, nullable=False, comment="their places: JSON"),
    Column("launched_at", BigInteger, nullable=True),
    Column("completed_at", BigInteger, nullable=True),
    Column("exit_code", Integer, nullable=True, comment="of the verdict"),
    Column("exit_type", Text, nullable=True),
    Column("diagnostics", Text, nullable=True),
    Column("trigger_message", Text, nullable=True),
    Column("trigger_role", Text, nullable=True),
    Column("trigger_index", Integer, nullable=True),
)

ENDS: Final = Table(
    "scheduling_local_ends",
    METADATA,
    Column("submission", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("code", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("sequence", Integer, nullable=False, comment="the order of ending"),
)

OPERATIONS: Final = Table(
    "scheduling_local_operations",
    METADATA,
    Column("operation", Text, primary_key=True),
    Column("submission", Text, nullable=False, index=True),
)
"""Starts and stops that were done, so that none is done again."""

SHARES: Final = Table(
    "scheduling_local_shares",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("capacity", Float, nullable=False),
    Column("max_capacity", Float, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False, comment="of the whole set, the same in each row"),
)
