"""With every registration and element stands which change touched it last: that is news."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """What is there counts as touched before any change."""
    for table in ("g2c_registration", "g2c_element"):
        zero = sa.text("0")
        op.add_column(
            table, sa.Column("changed", sa.BigInteger, nullable=False, server_default=zero)
        )
        op.create_index(f"ix_{table}_changed", table, ["changed"])
