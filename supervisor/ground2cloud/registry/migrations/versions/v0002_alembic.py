"""From here on alembic counts the versions.

A program from before that reads the number `schema`, and refuses one that it doesn't know. So the
number stays, and is one that no such program knows.
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Have older programs refuse."""
    op.execute("UPDATE g2c_counter SET value = 2 WHERE name = 'schema'")
