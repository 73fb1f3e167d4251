"""The steps from each version of the tables to the next, which alembic makes.

`versions` has a file for each. One that is released is never changed, and says everything itself:
`tables` is what all of them together lead to. To add one: change `tables`, write the next file,
count `KNOWN` on; a test holds the three against each other, on every database.

A step runs inside one transaction, with everything around it, on SQLite too. There, what ALTER
TABLE can't do takes `op.batch_alter_table`, which copies a table.
"""

KNOWN = ("0001", "0002", "0003")
"""The versions that there are, in their order."""

VERSION_TABLE = "g2c_version"
"""Where alembic notes which of them a database has."""
