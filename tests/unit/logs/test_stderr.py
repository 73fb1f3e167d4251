"""Stderr gets the log as well, and nobody waits for whoever reads it."""

import os
import threading
import time
from collections.abc import Iterator
from io import FileIO

import pytest

from ground2cloud.logs.stderr import QUEUE, StderrHandler
from tests.lab.log_records import accounted_for, record
from tests.lab.waiting import wait_until


class Pipe:
    """A pipe with an unbuffered end to write to."""

    def __init__(self) -> None:
        reader, writer = os.pipe()
        self.reader = FileIO(reader, "rb")
        self.writer = FileIO(writer, "wb")

    def close(self) -> None:
        self.reader.close()
        self.writer.close()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_what_waits_is_written_before_the_end(pipe: Pipe) -> None:
    handler = StderrHandler(pipe.writer, "utf-8")
    for number in range(100):
        handler.handle(record(f"line {number}"))
    handler.close()
    handler.close()
    expected = "".join(f"line {number}\n" for number in range(100))
    assert pipe.reader.read(100_000) == expected.encode()


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("utf-8", "Köln 東京"), ("latin-1", r"Köln \u6771\u4eac"), ("ascii", r"K\xf6ln \u6771\u4eac")],
)
def test_what_the_terminal_does_not_have_is_escaped(
    pipe: Pipe, encoding: str, written: str
) -> None:
    handler = StderrHandler(pipe.writer, encoding)
    handler.handle(record("Köln 東京"))
    handler.close()
    assert pipe.reader.read(1000) == f"{written}\n".encode(encoding)


def test_nobody_who_logs_waits_for_a_reader_that_stopped(pipe: Pipe) -> None:
    handler = StderrHandler(pipe.writer, "utf-8")
    began = time.monotonic()
    for number in range(3 * QUEUE):
        handler.handle(record(f"record {number} {'x' * 200}"))
    assert time.monotonic() - began < 2
    parts: list[bytes] = []
    reader = threading.Thread(target=lambda: parts.append(pipe.reader.readall() or b""))
    reader.start()

    def paid() -> bool:
        handler.settle()
        return not handler.owes

    wait_until(paid, what="the line about lost ones to find room")
    handler.close()
    pipe.writer.close()
    reader.join()
    lines = parts[0].decode().splitlines()
    assert len(lines) < 3 * QUEUE
    assert accounted_for(lines) == list(range(3 * QUEUE))


def test_the_end_does_not_wait_long_for_a_reader_that_stopped(pipe: Pipe) -> None:
    handler = StderrHandler(pipe.writer, "utf-8")
    for _ in range(3 * QUEUE):
        handler.handle(record("x" * 200))
    began = time.monotonic()
    handler.close()
    handler.close()
    assert time.monotonic() - began < 2
    pipe.reader.close()  # lets the thread go
    wait_until(lambda: not handler._thread.is_alive(), what="end of the thread")


def test_a_reader_that_is_gone_is_no_error(pipe: Pipe) -> None:
    handler = StderrHandler(pipe.writer, "utf-8")
    pipe.reader.close()
    for _ in range(10):
        handler.handle(record("to nobody"))
    handler.close()


def test_a_stream_that_was_closed_is_no_error(pipe: Pipe) -> None:
    handler = StderrHandler(pipe.writer, "utf-8")
    pipe.writer.close()
    handler.handle(record("to nobody"))
    handler.close()
