"""The local user store's own migrations: alembic revisions."""
