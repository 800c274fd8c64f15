"""The embedded scheduler's own migrations: alembic revisions."""
