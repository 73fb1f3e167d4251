"""The tables as they are now; `migrations` has the way there from every version.

What must never happen is also forbidden here: a port, an SSH key, a token and an element's key
each stand in one row only.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

METADATA = MetaData()

counter = Table(
    "g2c_counter",
    METADATA,
    Column("name", String(16), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Numbers: `schema` is for programs before alembic, `changes` counts what routes or keys depend on,
the others are the next registration, element and port. Every change begins with `changes`, and so
waits for every other one: what is read after it is what is written on."""

registration = Table(
    "g2c_registration",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(64), nullable=False),
    Column("token_hash", String(64), unique=True),
    Column("allowed", JSON, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("seen_at", Double),
    Column("version", String(64)),
    Column("address", String(64)),
    Column("last_error", String(500)),
    Column("revoked_at", Double),
    Column("unregistered_at", Double),
    Column("changed", BigInteger, nullable=False, server_default=text("0"), index=True),
)
"""A registration that was unregistered stays: its ID is never given again, and `--renew` brings
it back with its ports. `changed` is the number of the change that last touched it, its keys or its
services: a gateway reads what is newer than what it knows."""

ssh_key = Table(
    "g2c_ssh_key",
    METADATA,
    Column("key", String(128), primary_key=True),
    Column("registration", ForeignKey(registration.c.id), nullable=False),
    Column("is_next", Boolean, nullable=False),
    UniqueConstraint("registration", "is_next"),
)

service = Table(
    "g2c_service",
    METADATA,
    Column("port", Integer, primary_key=True, autoincrement=False),
    Column("registration", ForeignKey(registration.c.id), nullable=False),
    Column("name", String(63), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("position", Integer),
    Column("removed_at", Double),
    UniqueConstraint("registration", "name"),
)
"""A port and whose it is. `position` is the service's place among the agent's; a service that was
removed has none and keeps its port."""

invite = Table(
    "g2c_invite",
    METADATA,
    Column("token_hash", String(64), primary_key=True),
    Column("name", String(64)),
    Column("services", JSON, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("renews", ForeignKey(registration.c.id)),
    Column("used_at", Double),
)

element = Table(
    "g2c_element",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(64), nullable=False),
    Column("key_hash", String(64), nullable=False, unique=True),
    Column("grants", JSON, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("networks", JSON, nullable=False),
    Column("connections", Integer),
    Column("rate", Integer),
    Column("revoked_at", Double),
    Column("changed", BigInteger, nullable=False, server_default=text("0"), index=True),
)
