"""What is held back reaches the program that takes the process over, whatever threads there are."""

import subprocess
import sys

PROGRAM = """
import asyncio, os, signal, sys, time
from ground2cloud.logs.stderr import StderrHandler, raw_stderr
from ground2cloud.roles import signals
from ground2cloud.roles.gateway.book import Book

heard = []

async def main():
    signals.listen(lambda: heard.append("stop"), lambda: heard.append("reload"))
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.to_thread(time.sleep, 0.05)
    await Book(None).ask(lambda registry: None)
    await signals.hold()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.1)

handler = StderrHandler(raw_stderr(), "utf-8")
asyncio.run(main())
os.kill(os.getpid(), signal.SIGHUP)
time.sleep(0.1)
print(heard, sorted(signal.sigpending()) == [signal.SIGHUP, signal.SIGTERM])
"""


def test_no_thread_takes_a_signal_that_is_held_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, "['stop'] True\n"), done.stderr
