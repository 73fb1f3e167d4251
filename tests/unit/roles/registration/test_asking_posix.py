"""Questions to the backchannel on a machine that has nothing left."""

import threading

import pytest

from ground2cloud.backchannel.errors import UnreachableError
from ground2cloud.roles.registration.asking import ask


async def test_where_no_thread_can_be_started_the_gateway_is_not_reached() -> None:
    """So a lane dials without its claim, as whenever the backchannel is away."""
    before = threading.stack_size(1 << 46)  # bytes; no machine has them
    try:
        with pytest.raises(UnreachableError, match="can't start new thread"):
            await ask(lambda: 1, within=1)
    finally:
        threading.stack_size(before)
    assert await ask(lambda: 1, within=10) == 1
