"""The local user store's own table. Times are milliseconds since the epoch."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, MetaData, Table, Text

from jobyard.seams.context import Migrations

MIGRATIONS: Final = Migrations(
    component="auth_local",
    package="jobyard_backends.auth.local.migrations",
    head="a0001",
)

METADATA: Final = MetaData()

USERS: Final = Table(
    "auth_local_users",
    METADATA,
    Column("key", Text, primary_key=True, comment="the name, casefolded"),
    Column("name", Text, nullable=False, comment="the name as it is spelled"),
    Column("password_hash", Text, nullable=False, comment="argon2id, in the PHC form"),
    Column("admin", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column(
        "credentials_changed_at",
        BigInteger,
        nullable=False,
        comment="when password or administrator flag was set",
    ),
)
