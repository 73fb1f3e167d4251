"""A refusal gives its reason, and has written nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ground2cloud.registry.errors import RefusedError
from ground2cloud.registry.store import Registry
from ground2cloud.registry.tables import METADATA


@contextmanager
def refuses(registry: Registry, reason: str) -> Iterator[None]:
    """Expect a refusal."""
    before = dump(registry)
    with pytest.raises(RefusedError) as caught:
        yield
    assert caught.value.reason == reason
    assert "\n" not in caught.value.message
    assert dump(registry) == before


def dump(registry: Registry) -> dict[str, list[str]]:
    """Return every row of every table."""
    with registry._database.reading() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(table.select())))
            for table in METADATA.sorted_tables
        }
