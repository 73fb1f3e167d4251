"""The identity of another account: said in words, with what to do about it.

Root may look everywhere, so as root the program of the test becomes an ordinary user.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's own")

PROGRAM = """
import os, sys
from pathlib import Path
from ground2cloud.config.identity import read_identity
from ground2cloud.errors import ConfigError

if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    print(read_identity(Path(sys.argv[1])))
except ConfigError as error:
    print(error.message, error.hint, sep=": ")
"""


@pytest.mark.parametrize("closed", ["identity.toml", "."])
def test_who_may_not_read_it_is_told(short_dir: Path, closed: str) -> None:
    file = short_dir / "state" / "identity.toml"
    file.parent.mkdir()
    file.touch()
    short_dir.chmod(0o755)
    (file.parent / closed).chmod(0)
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, file],
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
            # An ordinary user can't write the coverage of a run by root.
            env={name: value for name, value in os.environ.items() if "COVERAGE" not in name},
        )
    finally:
        file.parent.chmod(0o700)
    assert done.stderr == ""
    assert done.stdout == (
        "identity.toml: can't be read: Permission denied:"
        " run this as the account whose file it is, or with sudo\n"
    )
