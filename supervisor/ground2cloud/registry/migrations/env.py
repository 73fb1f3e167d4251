"""Called by alembic for every command, with the connection that `migrating` hands over."""

from alembic import context

from ground2cloud.registry.migrations import VERSION_TABLE
from ground2cloud.registry.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
