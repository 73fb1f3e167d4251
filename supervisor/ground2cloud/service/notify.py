"""Tell systemd how the program is: the protocol of sd_notify(3), a datagram for each message.

Without a NOTIFY_SOCKET (no systemd, another `Type=`, Windows) everything here does nothing. A
service manager that is busy or gone must never hold up or end a tunnel: sending doesn't block and
doesn't raise, and what can't be sent is dropped. The next watchdog or status message comes soon.
"""

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping

STATUS_LIMIT = 1000
"""Characters of a status line that are sent; `systemctl status` shows one line."""

LEAST = 0.05
"""Seconds between two calls of `watchdog`, even where less is allowed."""

_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")

_FAMILY = getattr(socket, "AF_UNIX", None)  # Python has none on Windows


class Notifier:
    """Speaks to the service manager named by the environment.

    Takes its variables out of `environ`, so that no child process speaks in our name.
    """

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._taken = {name: environ.pop(name) for name in _VARIABLES if name in environ}
        self._address = _address(self._taken.get("NOTIFY_SOCKET", ""))
        self._socket = _open() if self._address else None
        self._interval = _interval(
            self._taken.get("WATCHDOG_USEC", ""), self._taken.get("WATCHDOG_PID", "")
        )

    def ready(self, status: str = "") -> None:
        """Say that start-up, or a reload announced with `reloading`, is done."""
        self._send("READY=1", *_status(status))

    def status(self, text: str) -> None:
        """Set the line that `systemctl status` shows."""
        self._send(*_status(text))

    def reloading(self) -> None:
        """Say that the configuration is being loaded again; must be followed by `ready`."""
        # On Linux Python's monotonic clock is the CLOCK_MONOTONIC that systemd compares with.
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str = "") -> None:
        """Say that the program is about to end."""
        self._send("STOPPING=1", *_status(status))

    def watchdog(self) -> None:
        """Say that the program is alive; due again after `due` seconds."""
        self._send("WATCHDOG=1")

    def due(self, longest: float) -> float:
        """Return the seconds until the next `watchdog`: at most half of what is allowed."""
        return longest if self._interval is None else min(longest, max(LEAST, self._interval))

    def give_back(self) -> None:
        """Put the variables back, for the program that takes this process over."""
        self._environ.update(self._taken)

    def close(self) -> None:
        """Release the socket; nothing is sent any more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, *assignments: str) -> None:
        if self._socket is None or not assignments:
            return
        message = "\n".join(assignments).encode("utf-8", "replace")
        with contextlib.suppress(OSError):
            self._socket.sendto(message, self._address)


def _address(variable: str) -> str:
    """The socket's address: a path, or after `@` a name in Linux's abstract namespace.

    Anything else (`vsock:` of virtual machines) is none that we could send to.
    """
    if variable.startswith("@"):
        return "\0" + variable[1:]
    return variable if variable.startswith("/") else ""


def _open() -> socket.socket | None:
    if _FAMILY is None:
        return None
    try:
        channel = socket.socket(_FAMILY, socket.SOCK_DGRAM)
    except OSError:
        return None
    channel.settimeout(0)  # never waits
    return channel


def _interval(usec: str, pid: str) -> float | None:
    """Half of WATCHDOG_USEC in seconds; None if it is not set, no number, or another process's."""
    if pid and pid != str(os.getpid()):
        return None
    if not (usec.isascii() and usec.isdecimal()) or int(usec) == 0:
        return None
    return int(usec) / 1e6 / 2


def _status(text: str) -> tuple[str, ...]:
    """The assignment of a status, on one line whatever the text: a further line is a message."""
    line = " ".join(text.split())[:STATUS_LIMIT]
    return (f"STATUS={line}",) if line else ()
