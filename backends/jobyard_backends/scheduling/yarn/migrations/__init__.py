"""The YARN scheduler's own migrations: alembic revisions."""
