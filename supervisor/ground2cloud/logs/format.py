"""From a record to one line, always one, whatever the record carries: nothing can forge another.

text: `2026-11-22T10:15:03.120Z INFO  lane 1 ready in 0.31 s, 2 forwards`
      `2026-11-22T10:15:09.004Z WARN  lane 1 ended (said: Connection reset by 203.0.113.7 port 22)`
JSON: `{"ts": "2026-11-22T10:15:03.120Z", "level": "info", "event": "lane-ready", …, "msg": "…"}`

An exception is logged for defects only. It follows the message as `Type: words`, then its whole
traceback on the same line, its lines joined by ` | ` (in JSON under `trace`).
"""

import json
import logging
import traceback

from ground2cloud.core.clock import iso
from ground2cloud.logs.escape import ELLIPSIS, printable
from ground2cloud.logs.fields import FIELDS

MESSAGE_LIMIT = 4096
"""Characters of a message, and of what a child said; ssh cuts its own at 1024."""

TRACE_LIMIT = 8192
"""Characters of a traceback. Its end is kept: there stands what was raised, and where."""

FIELD_LIMIT = 256
"""Characters of any other field."""

WORDS = {
    logging.DEBUG: "DEBUG",
    logging.INFO: "INFO",
    logging.WARNING: "WARN",
    logging.ERROR: "ERROR",
}
"""The levels as text shows them. JSON says debug, info, warning, error, as agent.toml does."""

_OWN = __name__.partition(".")[0]
_LARGEST = 2**63  # what every JSON reader takes for a whole number


def level_of(record: logging.LogRecord) -> int:
    """The greatest of the four levels that the record reaches; less than DEBUG counts as DEBUG."""
    return max((level for level in WORDS if level <= record.levelno), default=logging.DEBUG)


def field(record: logging.LogRecord, name: str) -> str | int | None:
    """A field of `FIELDS`, escaped; None where the record doesn't have it."""
    value = getattr(record, name, None)
    if value is None or (isinstance(value, int) and abs(value) < _LARGEST):
        return value
    return printable(str(value), MESSAGE_LIMIT if name == "said" else FIELD_LIMIT)


def message_of(record: logging.LogRecord) -> str:
    """The message for people, escaped, with the exception's type and words if there is one.

    Records of other packages begin with the name of their logger. Never raises: a message that
    can't be built says so, and where it comes from.
    """
    try:
        text = record.getMessage().rstrip()
        if error := _error(record):
            words = "".join(traceback.format_exception_only(error))
            text = f"{text}: {_one_line(words)}"
    except Exception as defect:  # noqa: BLE001 - arguments that don't fit, a __str__ that raises
        text = f"a message can't be built ({type(defect).__name__})"
        text += f" at {record.pathname}:{record.lineno}"
    if record.name != _OWN and not record.name.startswith(f"{_OWN}."):
        text = f"{record.name}: {text}"
    return printable(text, MESSAGE_LIMIT)


def trace_of(record: logging.LogRecord) -> str:
    """The traceback on one line, escaped, its oldest part cut; empty where there is none."""
    error = _error(record)
    if error is None or error.__traceback__ is None:
        return ""
    lines = "".join(traceback.format_exception(error))
    trace = printable(_one_line(lines), 8 * len(lines))
    return trace if len(trace) <= TRACE_LIMIT else ELLIPSIS + trace[1 - TRACE_LIMIT :]


def sentence(record: logging.LogRecord) -> str:
    """Everything a person reads of the record except when and how grave, on one line."""
    text = message_of(record)
    if said := field(record, "said"):
        text += f" (said: {said})"
    if trace := trace_of(record):
        text += f" | {trace}"
    return text


class TextFormatter(logging.Formatter):
    """For people: time in UTC with milliseconds, level, sentence."""

    def format(self, record: logging.LogRecord) -> str:
        """Answer the record as one line without its end."""
        return f"{iso(record.created)} {WORDS[level_of(record)]:<5} {sentence(record)}"


class JsonFormatter(logging.Formatter):
    """For programs: one object with ts, level, the fields the record has, msg, said, trace.

    The values are escaped as in text, so that a reader may print them.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Answer the record as one line without its end."""
        entry: dict[str, str | int | None] = {
            "ts": iso(record.created),
            "level": logging.getLevelName(level_of(record)).lower(),
        }
        entry |= {name: field(record, name) for name in FIELDS if name != "said"}
        entry["msg"] = message_of(record)
        entry["said"] = field(record, "said")
        entry["trace"] = trace_of(record) or None
        present = {name: value for name, value in entry.items() if value is not None}
        return json.dumps(present, ensure_ascii=False)


def _error(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if record.exc_info else None


def _one_line(text: str) -> str:
    return " | ".join(line.strip() for line in text.splitlines() if line.strip(" ^~"))
