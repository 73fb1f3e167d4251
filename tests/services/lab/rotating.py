"""Runs on Windows: write a log through many rotations while another process holds it open.

    python -m tests.services.lab.rotating DIRECTORY

The other process opens the file as a simple reader does, without leave to rename it, lets go of it
now and then, and reads to the end. Ends with 0 if every record is in the files once.
"""

import logging
import subprocess
import sys
from collections import Counter
from pathlib import Path

from ground2cloud.logs.setup import configure
from tests.lab.log_records import Settings, history

RECORDS = 3000
KEEP = 50
READER = """
import sys, time
while True:
    with open(sys.argv[1], "rb") as file:
        print("open", flush=True)
        for _ in range(20):
            file.read()
            time.sleep(0.02)
    time.sleep(0.01)
"""


def main(directory: Path) -> int:
    """Write, rotate, count."""
    log = directory / "agent.log"
    owner = configure(Settings(max_size=20_000, keep=KEEP), log, stderr=False)
    logger = logging.getLogger("ground2cloud.rotating")
    logger.warning("begin")
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(log)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert reader.stdout is not None
    reader.stdout.readline()
    for number in range(RECORDS):
        logger.warning("record %d.", number)
    alive = reader.poll() is None
    reader.kill()
    reader.wait()
    owner.close()
    text = "\n".join(history(log, KEEP))
    found = Counter(text.count(f" record {number}.") for number in range(RECORDS))
    files = sum(1 for _ in directory.glob("agent.log*"))
    print(f"{files} files; records by how often they are there: {dict(found)}")
    return 0 if alive and found == {1: RECORDS} and files > 1 else 1


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
