"""What reaches a real notification socket."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ground2cloud.service.notify import STATUS_LIMIT, Notifier

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such socket")


@pytest.fixture
def manager(short_dir: Path) -> Iterator[socket.socket]:
    """The service manager's end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(short_dir / "notify"))
        receiver.settimeout(5)
        yield receiver


@pytest.fixture
def notifier(manager: socket.socket) -> Iterator[Notifier]:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    yield notifier
    notifier.close()


def lines(manager: socket.socket) -> list[str]:
    return manager.recv(65536).decode().split("\n")


def test_ready_comes_with_the_status(notifier: Notifier, manager: socket.socket) -> None:
    notifier.ready("3/4 up")
    assert lines(manager) == ["READY=1", "STATUS=3/4 up"]


def test_ready_needs_no_status(notifier: Notifier, manager: socket.socket) -> None:
    notifier.ready()
    assert lines(manager) == ["READY=1"]


def test_status_keeps_its_letters(notifier: Notifier, manager: socket.socket) -> None:
    notifier.status("4/4 läuft")
    assert lines(manager) == ["STATUS=4/4 läuft"]


def test_stopping(notifier: Notifier, manager: socket.socket) -> None:
    notifier.stopping("draining")
    assert lines(manager) == ["STOPPING=1", "STATUS=draining"]


def test_watchdog(notifier: Notifier, manager: socket.socket) -> None:
    notifier.watchdog()
    assert lines(manager) == ["WATCHDOG=1"]


def test_reloading_carries_the_time_systemd_compares_with(
    notifier: Notifier, manager: socket.socket
) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notifier.reloading()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    first, second = lines(manager)
    assert first == "RELOADING=1"
    name, _, value = second.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(value) <= after


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text())
def test_no_status_can_send_another_message(
    notifier: Notifier, manager: socket.socket, text: str
) -> None:
    notifier.ready(text)
    first, *rest = lines(manager)
    assert first == "READY=1"
    assert len(rest) <= 1
    assert all(line.startswith("STATUS=") for line in rest)


def test_a_long_status_is_cut(notifier: Notifier, manager: socket.socket) -> None:
    notifier.status("x" * 500_000)
    assert lines(manager) == ["STATUS=" + "x" * STATUS_LIMIT]


@pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux's own")
def test_an_abstract_socket_is_reached() -> None:
    name = f"ground2cloud-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        manager.settimeout(5)
        notifier = Notifier({"NOTIFY_SOCKET": "@" + name})
        notifier.ready()
        notifier.close()
        assert lines(manager) == ["READY=1"]


def test_a_full_socket_neither_blocks_nor_raises(
    notifier: Notifier, manager: socket.socket
) -> None:
    """No one reads; the kernel queues a few hundred datagrams at most."""
    begin = time.monotonic()
    for _ in range(5000):
        notifier.watchdog()
    assert time.monotonic() - begin < 5
    manager.settimeout(0)
    received = 0
    with contextlib.suppress(BlockingIOError):
        while manager.recv(100):
            received += 1
    assert 0 < received < 5000
    notifier.status("readable again")
    assert lines(manager) == ["STATUS=readable again"]


def test_a_manager_that_is_gone_is_no_error(notifier: Notifier, manager: socket.socket) -> None:
    manager.close()
    notifier.ready("up")
    Path(str(notifier._address)).unlink()
    notifier.ready("up")


def test_nothing_is_sent_after_close(notifier: Notifier, manager: socket.socket) -> None:
    notifier.close()
    notifier.ready()
    notifier.close()
    manager.settimeout(0)
    with pytest.raises(BlockingIOError):
        manager.recv(100)


def test_no_child_inherits_the_variables(manager: socket.socket) -> None:
    program = (
        "import os, subprocess, sys\n"
        "from ground2cloud.service.notify import Notifier\n"
        "notifier = Notifier()\n"
        "notifier.ready(str(notifier.due(60)))\n"
        "subprocess.run([sys.executable, '-c', 'import os; print(sorted(os.environ))'])\n"
    )
    environ = {
        **os.environ,
        "NOTIFY_SOCKET": manager.getsockname(),
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
    )
    assert lines(manager) == ["READY=1", "STATUS=15.0"]
    assert "PATH" in done.stdout
    assert "NOTIFY_SOCKET" not in done.stdout
    assert "WATCHDOG" not in done.stdout
