"""No descriptor or watch left: polling takes over, and says so once."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="inotify is Linux's own")

PROGRAM = """
import asyncio, os, resource, sys
from pathlib import Path
from ground2cloud.reload.watch import FileWatch

async def main(path):
    loop = asyncio.get_running_loop()
    called = asyncio.Event()
    watch = FileWatch(loop, lambda _: called.set(), poll=0.2, on_notice=print)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    taken = []
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    watch.watch([path])
    await asyncio.sleep(0.5)
    for descriptor in taken:
        os.close(descriptor)
    await asyncio.wait_for(called.wait(), 10)  # it could not be read before
    for number in range(2):
        called.clear()
        path.write_text(f"one = {number}\\n")
        await asyncio.wait_for(called.wait(), 10)
    watch.close()
    print("done")

asyncio.run(main(Path(sys.argv[1])))
"""


def test_without_a_descriptor_files_are_polled_and_still_noticed(config: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, config],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert done.stderr == ""
    notice, end = done.stdout.splitlines()
    assert notice.startswith("files are polled every 1 s: ")
    assert end == "done"
