"""One file for each version; alembic finds them by what they revise."""
