"""Who may read what `init` writes; POSIX modes."""

import stat
import sys

import pytest

from tests.lab.command import Command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")


def test_init_writes_for_the_current_user_alone(command: Command) -> None:
    command.path = command.path.parent / "new" / "agent.toml"
    assert command("init").code == 0
    for path, mode in (
        (command.path, 0o600),
        (command.path.with_name("id_ed25519"), 0o600),
        (command.path.parent, 0o700),
    ):
        assert stat.S_IMODE(path.stat().st_mode) == mode, path
