"""One record is one line, for people and for programs, whatever it carries."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.logs.fields import FIELDS
from ground2cloud.logs.format import JsonFormatter, TextFormatter, field, level_of
from ground2cloud.logs.journal import PriorityFormatter, entry
from tests.lab.log_records import raised, record

FORMATTERS = [TextFormatter(), JsonFormatter(), PriorityFormatter()]
NOON = 1795342503.12

VALUES = st.one_of(st.text(st.characters()), st.integers(), st.floats(), st.none(), st.booleans())
RECORDS = st.builds(
    lambda message, name, level, fields, error: record(
        message, name=name, level=level, error=error and raised(ValueError(error)), **fields
    ),
    st.text(st.characters()),
    st.sampled_from(["ground2cloud", "ground2cloud.core", "aiohttp\nforged", "\x1b[2J"]),
    st.integers(-10, 200),
    st.dictionaries(st.sampled_from(FIELDS), VALUES),
    st.none() | st.text(st.characters(), min_size=1),
)


def text(made: logging.LogRecord) -> str:
    made.created = NOON
    return TextFormatter().format(made)


def as_json(made: logging.LogRecord) -> dict[str, object]:
    made.created = NOON
    return dict(json.loads(JsonFormatter().format(made)))


def test_text_is_time_level_and_a_sentence() -> None:
    line = text(record("lane 1 ready in 0.31 s, 2 forwards", event="lane-ready", lane="lane1"))
    assert line == "2026-11-22T10:15:03.120Z INFO  lane 1 ready in 0.31 s, 2 forwards"


def test_text_ends_with_what_ssh_said() -> None:
    made = record("lane 1 ended", level=logging.WARNING, said="Connection reset\r")
    assert text(made) == r"2026-11-22T10:15:03.120Z WARN  lane 1 ended (said: Connection reset\r)"


def test_json_has_the_fields_that_are_there_and_no_others() -> None:
    made = record(
        "lane 1 ended",
        level=logging.ERROR,
        event="lane-ended",
        lane="lane1",
        service="quickbooks",
        pid=1,
        attempt=2,
        exit_code=255,
        said="Permission denied (publickey).",
        colour="red",
    )
    assert as_json(made) == {
        "ts": "2026-11-22T10:15:03.120Z",
        "level": "error",
        "event": "lane-ended",
        "service": "quickbooks",
        "lane": "lane1",
        "pid": 1,
        "attempt": 2,
        "exit_code": 255,
        "msg": "lane 1 ended",
        "said": "Permission denied (publickey).",
    }
    assert as_json(record("no more")) == {
        "ts": "2026-11-22T10:15:03.120Z",
        "level": "info",
        "msg": "no more",
    }


@pytest.mark.parametrize(
    ("number", "shown", "in_json"),
    [
        (5, "DEBUG", "debug"),
        (10, "DEBUG", "debug"),
        (20, "INFO ", "info"),
        (25, "INFO ", "info"),
        (30, "WARN ", "warning"),
        (40, "ERROR", "error"),
        (50, "ERROR", "error"),
    ],
)
def test_there_are_four_levels(number: int, shown: str, in_json: str) -> None:
    assert text(record("x", level=number))[25:] == f"{shown} x"
    assert as_json(record("x", level=number))["level"] == in_json


@given(RECORDS)
def test_no_record_spans_lines_or_holds_a_control_character(made: logging.LogRecord) -> None:
    for formatter in FORMATTERS:
        line = formatter.format(made)
        assert line.isprintable()
        assert len(line) < 40_000


@given(RECORDS)
def test_every_json_line_is_an_object_with_known_keys(made: logging.LogRecord) -> None:
    entry_of = json.loads(JsonFormatter().format(made))
    assert set(entry_of) <= {"ts", "level", "msg", "trace", *FIELDS}
    assert all(value.isprintable() for value in entry_of.values() if isinstance(value, str))


@given(RECORDS)
def test_every_line_of_a_journal_entry_is_a_field_of_ours(made: logging.LogRecord) -> None:
    datagram = entry(made).decode()
    assert datagram.endswith("\n")
    names = [line.partition("=")[0] for line in datagram[:-1].split("\n")]
    assert names[:3] == ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER"]
    assert set(names[3:]) <= {f"G2C_{name.upper()}" for name in FIELDS}
    assert len(set(names)) == len(names)


def test_a_forged_line_stays_inside_its_own() -> None:
    forged = "bye\n2026-11-22T10:15:03.120Z INFO  lane 1 ready"
    line = text(record("lane 1 said something", said=forged))
    assert line.count("\n") == 0
    assert line.endswith(r"(said: bye\n2026-11-22T10:15:03.120Z INFO  lane 1 ready)")
    assert as_json(record(forged))["msg"] == forged.replace("\n", r"\n")


@pytest.mark.parametrize("formatter", FORMATTERS, ids=["text", "json", "journal"])
def test_a_megabyte_becomes_a_line_of_bounded_length(formatter: logging.Formatter) -> None:
    huge = "A" * 1_000_000
    line = formatter.format(record(huge, said=huge, lane=huge, error=raised(ValueError(huge))))
    assert "…" in line
    assert len(line) < 20_000


def test_a_percent_sign_in_a_message_without_arguments_is_only_that() -> None:
    assert text(record("100 % of %s")).endswith("INFO  100 % of %s")


def test_a_message_that_cannot_be_built_says_where_it_comes_from() -> None:
    for made in (record("%d lanes", "x"), record("lane %s", BadError())):
        line = text(made)
        assert "a message can't be built (" in line
        assert line.endswith("log_records.py:1")
    assert text(record("x", error=BadError())).endswith("BadError: <exception str() failed>")


class BadError(Exception):
    """An error that can't be shown."""

    def __str__(self) -> str:
        raise RuntimeError


def test_a_record_of_another_package_begins_with_its_name() -> None:
    assert text(record("slow", name="asyncio")).endswith("INFO  asyncio: slow")
    assert text(record("x", name="ground2cloudy")).endswith("INFO  ground2cloudy: x")
    assert text(record("x", name="ground2cloud")).endswith("INFO  x")


def test_a_defect_is_one_line_with_its_whole_traceback() -> None:
    error = raised(ValueError("two\nlines"))
    line = text(record("lane 1: defect", level=logging.ERROR, error=error))
    assert "ERROR lane 1: defect: ValueError: two | lines | Traceback (most" in line
    assert "log_records.py" in line
    assert "in raised | raise error | ValueError: two | lines" in line
    assert "\n" not in line
    made = as_json(record("lane 1: defect", error=error))
    assert made["msg"] == "lane 1: defect: ValueError: two | lines"
    assert str(made["trace"]).startswith("Traceback (most recent call last): | File")


def test_every_error_of_a_group_is_in_the_line() -> None:
    group = ExceptionGroup("two tasks", [raised(KeyError("a")), raised(OSError(28, "full"))])
    line = text(record("defect", error=raised(group)))
    assert "KeyError: 'a'" in line
    assert "OSError: [Errno 28] full" in line


def test_a_long_traceback_loses_its_beginning_not_its_end() -> None:
    trace = as_json(record("defect", error=raised(ValueError("A" * 10_000 + "the end"))))["trace"]
    assert str(trace).startswith("…A")
    assert str(trace).endswith("the end")


def test_an_error_without_traceback_is_only_named() -> None:
    assert text(record("defect", error=OSError("x"))).endswith("INFO  defect: OSError: x")


def test_a_whole_number_stays_one_and_anything_else_becomes_text() -> None:
    made = record("x", pid=7, attempt=10**400, exit_code=float("nan"), lane=None)
    assert field(made, "pid") == 7
    assert str(field(made, "attempt")).startswith("1000")
    assert field(made, "exit_code") == "nan"
    assert field(made, "lane") is None
    assert field(made, "service") is None
    assert level_of(made) == logging.INFO
