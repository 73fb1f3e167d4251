"""What the agent makes of the events of a console, called as Windows does it."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="signals are tried in tests/e2e")

HEAR = """
import asyncio, ctypes, sys, threading
from ground2cloud.roles import signals

async def main():
    stop = asyncio.Event()
    signals.listen(stop.set, lambda: None)
    routine = ctypes.WinDLL("kernelbase").CtrlRoutine  # where Windows begins the thread of an event
    routine.argtypes = (ctypes.c_size_t,)
    for event in map(int, sys.argv[1:]):
        threading.Thread(target=routine, args=(event,), daemon=True).start()
        try:
            await asyncio.wait_for(stop.wait(), 1.5)
        except TimeoutError:
            print(event, "nothing", flush=True)
        else:
            print(event, "stop", flush=True)
            stop.clear()

asyncio.run(main())
"""

CTRL_C, CTRL_BREAK, CTRL_LOGOFF, CTRL_SHUTDOWN = 0, 1, 5, 6


def test_a_logoff_is_nothing_and_all_else_stops() -> None:
    events = [CTRL_LOGOFF, CTRL_C, CTRL_BREAK, CTRL_LOGOFF, CTRL_SHUTDOWN]
    done = subprocess.run(
        [sys.executable, "-c", HEAR, *map(str, events)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["5 nothing", "0 stop", "1 stop", "5 nothing", "6 stop"]
