"""What an agent that is to join refuses by itself."""

from pathlib import Path

import pytest

from ground2cloud.backchannel.errors import RefusedError
from ground2cloud.config.join import Join
from ground2cloud.config.model import MOST_SERVICES, Kind, Service
from ground2cloud.roles.registration.joining import join_gateway
from ground2cloud.roles.registration.store import Store


async def test_too_many_services_are_told_before_anything_is_done(tmp_path: Path) -> None:
    many = tuple(
        Service(name=f"s{number}", kind=Kind.TCP, port=1) for number in range(MOST_SERVICES + 1)
    )
    nowhere = Join("127.0.0.1", 1, "t" * 43, "0" * 64)
    with pytest.raises(RefusedError, match=f"at most {MOST_SERVICES} services, got {len(many)}"):
        await join_gateway(Store(tmp_path / "state"), nowhere, many, name="")
    assert not (tmp_path / "state").exists()
