"""The one owner of the log: sets it up, changes it while the program runs, closes it."""

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from ground2cloud.logs.fields import log
from ground2cloud.logs.file import FileHandler
from ground2cloud.logs.format import JsonFormatter, TextFormatter
from ground2cloud.logs.journal import SOCKET, JournalHandler, PriorityFormatter, is_journal
from ground2cloud.logs.lines import LineHandler
from ground2cloud.logs.stderr import StderrHandler, raw_stderr

_log = logging.getLogger(__name__)

OTHERS = logging.WARNING
"""Least level of everyone else's records (asyncio, aiohttp, watchdog, Python's own warnings)."""

STDERR = 2

OWN = __name__.partition(".")[0]


class LogSettings(Protocol):
    """What the log needs to know; the `[log]` section of a configuration fits."""

    @property
    def level(self) -> str:
        """Least level written: debug, info, warning or error."""
        ...

    @property
    def format(self) -> str:
        """How lines look: text or json."""
        ...

    @property
    def max_size(self) -> int:
        """Bytes after which the file is rotated."""
        ...

    @property
    def keep(self) -> int:
        """How many rotated files to keep."""
        ...


class Owner:
    """Owns the handlers of the root logger that it made, from `configure` to `close`."""

    def __init__(self, settings: LogSettings, file: Path, side: LineHandler | None) -> None:
        tell = None if side is None else side.handle
        self._file = FileHandler(file, settings.max_size, settings.keep, tell=tell)
        self._handlers = [self._file] if side is None else [self._file, side]
        self._unusable = ""
        self._root = logging.getLogger()
        self._level_before = self._root.level
        self._set(settings)
        for handler in self._handlers:
            self._root.addHandler(handler)
        logging.captureWarnings(capture=True)

    @property
    def file(self) -> Path:
        """The file that is written now."""
        return self._file.path

    @property
    def trouble(self) -> str:
        """What is wrong with the log, for `status`; empty when all is well.

        That is a file that it should be in and is not, or what was lost and not yet told in it.
        """
        return self._unusable or (str(self._file.losses) if self._file.losses.count else "")

    def apply(self, settings: LogSettings, file: Path) -> None:
        """Change level, format, sizes and file from the next record on; nothing is lost.

        A file that can't be opened is reported in the log, which stays in the old one; call again
        to try again.
        """
        self._unusable = ""
        try:
            self._file.change(file, settings.max_size, settings.keep)
        except OSError as error:
            self._unusable = (
                f"{file} can't be opened: {error.strerror or error}; the log stays in {self.file}"
            )
            self._file.change(self.file, settings.max_size, settings.keep)
            log(_log, logging.ERROR, "log-file-unusable", self._unusable)
        self._set(settings)

    def settle(self) -> None:
        """Write what is owed about lost lines as soon as that is possible; call it on a tick."""
        for handler in self._handlers:
            handler.settle()

    def close(self) -> None:
        """Write what waits, at most a second long, and leave `logging` as it was."""
        logging.captureWarnings(capture=False)
        for handler in self._handlers:
            self._root.removeHandler(handler)
            handler.close()
        self._handlers.clear()
        self._root.setLevel(self._level_before)
        logging.getLogger(OWN).setLevel(logging.NOTSET)

    def _set(self, settings: LogSettings) -> None:
        level = logging.getLevelNamesMapping()[settings.level.upper()]
        formatter = JsonFormatter() if settings.format == "json" else TextFormatter()
        for handler in self._handlers:
            if not isinstance(handler.formatter, PriorityFormatter):
                handler.setFormatter(formatter)
        self._root.setLevel(max(level, OTHERS))
        logging.getLogger(OWN).setLevel(level)


def configure(
    settings: LogSettings,
    file: Path,
    *,
    stderr: bool,
    environ: Mapping[str, str] = os.environ,
    journal: Path = SOCKET,
) -> Owner:
    """Send every record of this process to `file`, and also to stderr where `stderr` says so.

    Where stderr is the journal, its records go there with their fields. Never raises for a file
    that can't be written: its lines are counted as lost, and that is said on stderr.
    """
    return Owner(settings, file, _side(environ, journal) if stderr else None)


def _side(environ: Mapping[str, str], journal: Path) -> LineHandler | None:
    raw = raw_stderr()
    if raw is None:
        return None
    if not is_journal(STDERR, environ):
        return StderrHandler(raw, sys.stderr.encoding)
    try:
        return JournalHandler(journal)
    except OSError:
        handler = StderrHandler(raw, "utf-8")
        handler.setFormatter(PriorityFormatter())
        return handler
