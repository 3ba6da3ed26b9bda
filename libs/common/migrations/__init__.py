"""What Alembic runs for every service; the revisions stand with the services."""
