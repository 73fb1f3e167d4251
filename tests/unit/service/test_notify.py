"""What the environment says, on every platform."""

import os
from contextlib import closing

import pytest

from ground2cloud.service.notify import LEAST, Notifier


def everything(notifier: Notifier) -> None:
    notifier.ready("up")
    notifier.status("up")
    notifier.reloading()
    notifier.watchdog()
    notifier.stopping()
    notifier.close()


def test_without_a_socket_nothing_happens() -> None:
    notifier = Notifier({})
    everything(notifier)
    assert notifier.due(60) == 60


@pytest.mark.parametrize(
    "address",
    ["", "relative/path", "vsock:2:1234", "/nowhere/at/all", "@nobody-listens", "/" + "x" * 500],
)
def test_an_unusable_socket_is_no_error(address: str) -> None:
    everything(Notifier({"NOTIFY_SOCKET": address}))


def test_the_variables_are_taken_out_of_the_environment() -> None:
    environ = {
        "NOTIFY_SOCKET": "/nowhere",
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": str(os.getpid()),
        "PATH": "/bin",
    }
    with closing(Notifier(environ)) as notifier:
        assert notifier.due(60) == 15
    assert environ == {"PATH": "/bin"}


@pytest.mark.parametrize(
    ("usec", "pid", "interval"),
    [
        ("30000000", None, 15),
        ("30000000", "own", 15),
        ("30000000", "1", 60),
        ("600000000", None, 60),
        ("1", None, LEAST),
        ("0", None, 60),
        ("-5", None, 60),
        ("", None, 60),
        ("soon", None, 60),
        ("²", None, 60),
    ],
)
def test_the_watchdog_is_fed_twice_in_the_time_allowed(
    usec: str, pid: str | None, interval: float
) -> None:
    environ = {"WATCHDOG_USEC": usec}
    if pid is not None:
        environ["WATCHDOG_PID"] = str(os.getpid()) if pid == "own" else pid
    assert Notifier(environ).due(60) == interval
