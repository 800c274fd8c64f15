"""What alembic reads before it runs a migration of any component."""
