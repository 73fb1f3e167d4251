"""What an administrator's command leaves in the state directory of a service's account."""

import os
import sys
from pathlib import Path

import pytest

from ground2cloud.config.identity import Joining
from ground2cloud.roles.registration.store import Store
from tests.unit.config.test_identity import GOOD, TOKEN

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="is about what root leaves"
)
ACCOUNT = 65534


def test_all_of_it_belongs_to_the_account(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    store.state.mkdir(mode=0o700)
    os.chown(store.state, ACCOUNT, ACCOUNT)
    with store.commanding():
        store.note_joining(Joining(join="g2c1-secret", token=TOKEN, key="id_ed25519"))
        store.write(GOOD)
    left = {path.name: path.stat().st_uid for path in store.state.iterdir()}
    assert left == dict.fromkeys(left, ACCOUNT)
    assert {"registration.lock", "identity.lock", "identity.toml", "joining.toml"} <= set(left)
