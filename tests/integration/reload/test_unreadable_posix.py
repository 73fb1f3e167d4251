"""A file that may not be read: waited for, since a writer may hold it, and then told of.

Root may read everything, so as root the program of the test becomes an ordinary user.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's own")

PROGRAM = """
import asyncio, os, sys, time
from pathlib import Path
from ground2cloud.reload.watch import FileWatch

path = Path(sys.argv[1])
if os.geteuid() == 0:
    for owned in (path, path.parent):
        os.chown(owned, 65534, 65534)
    os.setgid(65534)
    os.setuid(65534)

async def main():
    calls = asyncio.Queue()
    watch = FileWatch(asyncio.get_running_loop(), calls.put_nowait, poll=3600)
    watch.watch([path])
    path.chmod(0)
    await asyncio.sleep(0.8)
    path.chmod(0o600)
    await asyncio.sleep(0.8)
    print("held for a moment:", calls.qsize())
    path.chmod(0)
    begin = time.monotonic()
    await asyncio.wait_for(calls.get(), 10)
    print("unreadable: waited for:", time.monotonic() - begin > 4.5)
    path.chmod(0o600)
    await asyncio.wait_for(calls.get(), 10)
    print("readable: called")
    watch.close()

asyncio.run(main())
"""


def test_an_unreadable_file_is_told_of_when_it_stays_so(short_dir: Path) -> None:
    config = short_dir / "agent.toml"
    config.write_text("one = 1\n")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, config],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
        # An ordinary user can't write the coverage of a run by root.
        env={name: value for name, value in os.environ.items() if "COVERAGE" not in name},
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "held for a moment: 0",
        "unreadable: waited for: True",
        "readable: called",
    ]
