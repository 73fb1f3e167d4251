"""What the environment says, on every platform."""

import os
from contextlib import closing

import pytest

from ground2cloud.service.notify import Notifier


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
    assert notifier.watchdog_interval is None


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
        assert notifier.watchdog_interval == 15.0
    assert environ == {"PATH": "/bin"}


@pytest.mark.parametrize(
    ("usec", "pid", "interval"),
    [
        ("30000000", None, 15.0),
        ("30000000", "own", 15.0),
        ("30000000", "1", None),
        ("1", None, 5e-7),
        ("0", None, None),
        ("-5", None, None),
        ("", None, None),
        ("soon", None, None),
        ("²", None, None),
    ],
)
def test_the_watchdog_is_fed_twice_in_the_time_allowed(
    usec: str, pid: str | None, interval: float | None
) -> None:
    environ = {"WATCHDOG_USEC": usec}
    if pid is not None:
        environ["WATCHDOG_PID"] = str(os.getpid()) if pid == "own" else pid
    assert Notifier(environ).watchdog_interval == interval
