"""The tables of jobs as YARN Services. Times are milliseconds since the epoch."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text, text

METADATA: Final = MetaData()

JOBS: Final = Table(
    "scheduling_yarn_services_jobs",
    METADATA,
    Column("submission", Text, primary_key=True),
    Column("framework", Text, nullable=False),
    Column("version", Integer, nullable=False, comment="raised by every change"),
    Column("live", Boolean, nullable=False, comment="there is something left to do"),
    Column("forgotten", Boolean, nullable=False, comment="deleted, and still ending"),
    Column("record", LargeBinary, nullable=False, comment="all of it: JSON"),
    Index(
        "scheduling_yarn_services_one_job_a_name",
        "framework",
        unique=True,
        sqlite_where=text("NOT forgotten"),
        postgresql_where=text("NOT forgotten"),
    ),
)

OPERATIONS: Final = Table(
    "scheduling_yarn_services_operations",
    METADATA,
    Column("operation", Text, primary_key=True),
    Column("submission", Text, nullable=False, index=True),
)
"""Starts and stops that were done, so that none is done again."""
