"""The first tables. There were databases with them before alembic came."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them in an empty database."""
    _make_numbers()
    _make_agents()
    _make_callers()


def _make_numbers() -> None:
    counter = op.create_table(
        "g2c_counter",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    first = {"changes": 0, "element": 1, "port": 0, "registration": 1001, "schema": 1}
    op.bulk_insert(counter, [{"name": name, "value": value} for name, value in first.items()])


def _make_agents() -> None:
    op.create_table(
        "g2c_registration",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("token_hash", sa.String(64), unique=True),
        sa.Column("allowed", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("seen_at", sa.Double),
        sa.Column("version", sa.String(64)),
        sa.Column("address", sa.String(64)),
        sa.Column("last_error", sa.String(500)),
        sa.Column("revoked_at", sa.Double),
        sa.Column("unregistered_at", sa.Double),
    )
    op.create_table(
        "g2c_ssh_key",
        sa.Column("key", sa.String(128), primary_key=True),
        _registration("registration", nullable=False),
        sa.Column("is_next", sa.Boolean, nullable=False),
        sa.UniqueConstraint("registration", "is_next"),
    )
    op.create_table(
        "g2c_service",
        sa.Column("port", sa.Integer, primary_key=True, autoincrement=False),
        _registration("registration", nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("position", sa.Integer),
        sa.Column("removed_at", sa.Double),
        sa.UniqueConstraint("registration", "name"),
    )
    op.create_table(
        "g2c_invite",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(64)),
        sa.Column("services", sa.JSON, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        _registration("renews", nullable=True),
        sa.Column("used_at", sa.Double),
    )


def _make_callers() -> None:
    op.create_table(
        "g2c_element",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("grants", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double),
        sa.Column("networks", sa.JSON, nullable=False),
        sa.Column("connections", sa.Integer),
        sa.Column("rate", sa.Integer),
        sa.Column("revoked_at", sa.Double),
    )


def _registration(name: str, *, nullable: bool) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer, sa.ForeignKey("g2c_registration.id"), nullable=nullable)
