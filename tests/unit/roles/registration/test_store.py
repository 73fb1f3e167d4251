"""The identity on the disk."""

from pathlib import Path

from ground2cloud.roles.registration.store import Store
from tests.unit.config.test_identity import GOOD


def test_what_can_not_be_removed_besides_the_identity_keeps_nobody_registered(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    store.write(GOOD)
    assert store.read() == GOOD
    store.known_hosts.unlink()
    store.known_hosts.mkdir()
    store.remove()
    assert store.read() is None
