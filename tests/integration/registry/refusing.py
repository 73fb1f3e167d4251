"""A refusal gives its reason, and has written nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ground2cloud.registry.errors import RefusedError
from ground2cloud.registry.store import Registry
from tests.lab.registry_rows import dump


@contextmanager
def refuses(registry: Registry, reason: str) -> Iterator[None]:
    """Expect a refusal."""
    before = dump(registry)
    with pytest.raises(RefusedError) as caught:
        yield
    assert caught.value.reason == reason
    assert "\n" not in caught.value.message
    assert dump(registry) == before
