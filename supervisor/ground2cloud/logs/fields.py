"""The one way to log: a level, an event, a line for people, and fields for programs.

    log(_log, logging.INFO, "lane-ready", "lane 1 ready in 0.31 s, 2 forwards", lane="lane1", pid=7)

The fields travel in the record's `extra=`, so that a layer below this one (core) may write

    _log.info("lane 1 ready", extra={"event": "lane-ready", "lane": "lane1"})

and mean the same. The message is complete without the fields: text shows the message and `said`,
JSON and the journal show all of them.
"""

import logging

FIELDS = ("event", "service", "lane", "pid", "attempt", "exit_code", "said")
"""Every field there is.

- event: stable slug of what happened (`lane-ready`), for programs and tests
- service, lane: names of what it happened to
- pid: process id of the child, not of the supervisor
- attempt: which try this is, counted from 1
- exit_code: of the child; negative is a signal (POSIX)
- said: the child's own words, unescaped: they are escaped when the line is written
"""


def log(
    logger: logging.Logger,
    level: int,
    event: str,
    message: str,
    *,
    service: str | None = None,
    lane: str | None = None,
    pid: int | None = None,
    attempt: int | None = None,
    exit_code: int | None = None,
    said: str | None = None,
    exc_info: BaseException | None = None,
) -> None:
    """Log `message` with the fields that aren't None; see `FIELDS`.

    `exc_info` is for defects: its traceback is logged as well. An error that is expected belongs
    into the message, in words.
    """
    if logger.isEnabledFor(level):
        fields = {
            "event": event,
            "service": service,
            "lane": lane,
            "pid": pid,
            "attempt": attempt,
            "exit_code": exit_code,
            "said": said,
        }
        present = {name: value for name, value in fields.items() if value is not None}
        logger.log(level, message, extra=present, exc_info=exc_info, stacklevel=2)
