"""Rules that Windows has no case for: it guesses other users' homes instead of looking them up."""

import sys

import pytest

from tests.unit.config.writing import changed, problems

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows guesses homes")


@pytest.mark.parametrize("key", ["gateway.identity_file", "paths.state", "paths.run", "log.file"])
def test_a_path_may_not_lie_in_an_unknown_home(key: str) -> None:
    assert problems(changed({key: "~no-such-user-here/x"})) == [
        f'agent.toml: {key}: no home directory is known for "~no-such-user-here/x"'
    ]
