"""What the whole program writes to stderr: terminal, pipe, journal, or nobody at all."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.log_records import lines_of

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")


def program(
    file: Path, said: str, journal: Path | str = "/nonexistent", **more: object
) -> "subprocess.CompletedProcess[bytes]":
    """Run the program with what it is to log; it must end well within seconds."""
    argv = [sys.executable, "-m", "tests.lab.log_program", str(file), "{}", str(journal)]
    options: dict[str, object] = {"stderr": subprocess.PIPE, **more}
    return subprocess.run(
        argv,
        input=said.encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=20,
        **options,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agent.log"


@pytest.fixture
def journal(short_dir: Path) -> Iterator[socket.socket]:
    """Stands where the journal listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(short_dir / "socket"))
        listening.settimeout(20)
        yield listening


@pytest.fixture
def stream() -> Iterator[tuple[int, dict[str, str]]]:
    """A pipe that stderr can be, and the environment that calls it the journal's."""
    reader, writer = os.pipe()
    there = os.fstat(writer)
    os.set_blocking(reader, False)
    yield (
        writer,
        {**os.environ, "JOURNAL_STREAM": f"{there.st_dev}:{there.st_ino}", "READER": str(reader)},
    )
    os.close(reader)
    os.close(writer)


def read(stream: tuple[int, dict[str, str]]) -> str:
    """What came out of the pipe."""
    try:
        return os.read(int(stream[1]["READER"]), 100_000).decode()
    except BlockingIOError:
        return ""


def test_stderr_has_the_same_lines_as_the_file(file: Path) -> None:
    done = program(file, "one\ntwo\n")
    assert done.stderr.decode().splitlines() == lines_of(file)
    assert all(STAMP.match(line) for line in lines_of(file))
    assert b"\x1b" not in done.stderr


def test_the_journal_s_stream_gets_priorities_and_no_time(
    file: Path, stream: tuple[int, dict[str, str]]
) -> None:
    program(file, "one\n<0>two\x1b\n", stderr=stream[0], env=stream[1])
    assert read(stream) == "<6>one\n<6><0>two\\x1b\n"


def test_another_stream_than_the_journal_s_gets_plain_lines(
    file: Path, stream: tuple[int, dict[str, str]]
) -> None:
    done = program(file, "one\n", env=stream[1])
    assert STAMP.match(done.stderr.decode())


def test_the_journal_s_socket_gets_the_fields_and_its_stream_nothing(
    file: Path,
    journal: socket.socket,
    stream: tuple[int, dict[str, str]],
) -> None:
    said = (
        '{"event": "lane-ended", "msg": "lane 1 ended", "lane": "lane1", "exit_code": 255,'
        ' "said": "bye\\nMESSAGE=forged"}\n'
    )
    program(file, said, journal.getsockname(), stderr=stream[0], env=stream[1])
    assert journal.recv(10_000).decode() == (
        "MESSAGE=lane 1 ended (said: bye\\nMESSAGE=forged)\n"
        "PRIORITY=6\n"
        "SYSLOG_IDENTIFIER=ground2cloud\n"
        "G2C_EVENT=lane-ended\n"
        "G2C_LANE=lane1\n"
        "G2C_EXIT_CODE=255\n"
        "G2C_SAID=bye\\nMESSAGE=forged\n"
    )
    assert read(stream) == ""
    assert len(lines_of(file)) == 1


def test_a_journal_that_does_not_read_holds_nobody_up(
    file: Path,
    journal: socket.socket,
    stream: tuple[int, dict[str, str]],
) -> None:
    said = "@many 0 5000 1000\n"
    program(file, said, journal.getsockname(), stderr=stream[0], env=stream[1])
    assert len(lines_of(file)) == 5000


def test_a_pipe_that_nobody_reads_holds_nobody_up(
    file: Path, stream: tuple[int, dict[str, str]]
) -> None:
    program(file, "@many 0 5000 1000\n", stderr=stream[0])
    assert len(lines_of(file)) == 5000


def test_a_reader_that_is_gone_costs_nothing(file: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    program(file, "one\ntwo\n", stderr=writer)
    os.close(writer)
    assert len(lines_of(file)) == 2


def test_a_program_started_without_stderr_logs_to_the_file(file: Path) -> None:
    argv = [sys.executable, "-m", "tests.lab.log_program", str(file)]
    closed = ["sh", "-c", 'exec "$@" 2>&-', "sh", *argv]
    subprocess.run(closed, input=b"one\n", check=True, timeout=20)
    assert [line[25:] for line in lines_of(file)] == ["INFO  one"]


def test_a_terminal_without_the_letters_gets_escapes_and_the_file_gets_letters(
    file: Path,
) -> None:
    said = '{"event": "x", "msg": "K\\u00f6ln \\u6771\\u4eac"}\n'
    done = program(file, said, env={**os.environ, "PYTHONIOENCODING": "ascii:strict"})
    assert r"K\xf6ln \u6771\u4eac" in done.stderr.decode("ascii")
    assert lines_of(file)[0].endswith("Köln 東京")
