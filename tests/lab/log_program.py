"""A program that does nothing but log, as the agent would: `python -m tests.lab.log_program FILE`.

It logs what it is told on stdin, a line for each record: the message, or JSON with `msg` and the
fields. `@NAME ARGUMENTS` are orders, see `ORDERS`; each is answered on stdout with one line, so
that a test knows that it is done.
"""

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from ground2cloud.logs.fields import log
from ground2cloud.logs.setup import Owner, configure
from tests.lab.log_records import Settings

LOGGER = logging.getLogger("ground2cloud.lab")


def many(_: Owner, first: str, count: str, size: str) -> str:
    """Log `count` numbered records of `size` characters."""
    for number in range(int(first), int(first) + int(count)):
        LOGGER.info("record %06d %s", number, "x" * (int(size) - 14))
    return "done"


def limit(_: Owner, size: str) -> str:
    """Let no file grow beyond `size` bytes (POSIX), as a full disk would not; -1 is no limit."""
    import resource  # noqa: PLC0415 - not on Windows

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard if size == "-1" else int(size), hard))
    return "done"


def trouble(owner: Owner) -> str:
    """Tell what is lost by now."""
    return owner.trouble


def settle(owner: Owner) -> str:
    """Write what is owed."""
    owner.settle()
    return "done"


ORDERS: dict[str, Callable[..., str]] = {
    "@many": many,
    "@limit": limit,
    "@trouble": trouble,
    "@settle": settle,
}


def obey(owner: Owner, line: str) -> None:
    """Do what one line says."""
    name, *arguments = line.split()
    if name in ORDERS:
        print(ORDERS[name](owner, *arguments), flush=True)
    elif line.startswith("{"):
        fields = json.loads(line)
        log(LOGGER, logging.INFO, fields.pop("event"), fields.pop("msg"), **fields)
    else:
        LOGGER.info("%s", line)


def main(file: str, settings: str = "{}", journal: str = "/nonexistent") -> None:
    """Log to `file` and stderr until stdin ends."""
    owner = configure(
        Settings(**json.loads(settings)), Path(file), stderr=True, journal=Path(journal)
    )
    for line in sys.stdin:
        obey(owner, line.rstrip("\n"))
    owner.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
