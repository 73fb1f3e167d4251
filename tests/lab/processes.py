"""Ending processes of the lab: by process, never by name, and only our own descendants."""

import contextlib
import signal
import subprocess
from collections.abc import Callable, Iterable

import psutil

from tests.lab.waiting import wait_until


def descendants(pid: int) -> list[psutil.Process]:
    """Return all living processes below `pid`, none if it is gone."""
    try:
        found = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [process for process in found if is_alive(process)]


def is_alive(process: psutil.Process) -> bool:
    """Tell whether this very process (not another with its pid) runs; a zombie doesn't."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def for_each(processes: Iterable[psutil.Process], action: Callable[[psutil.Process], None]) -> None:
    """Do `action` to every process that still exists."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            action(process)


def kill_all(processes: Iterable[psutil.Process]) -> None:
    """Send SIGKILL to each and wait until none is left."""
    doomed = list(processes)
    for_each(doomed, psutil.Process.kill)
    wait_until(lambda: not any(map(is_alive, doomed)), what=f"end of {doomed}")


def end_child(
    child: "subprocess.Popen[bytes]", polite: int = signal.SIGTERM, timeout: float = 10.0
) -> int:
    """End a child politely, after `timeout` seconds hard; return its exit code."""
    child.send_signal(polite)
    try:
        return child.wait(timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def ended(process: "subprocess.Popen[str]", code: int = 0, timeout: float = 120) -> tuple[str, str]:
    """Wait for the end of a process, with this exit code; return what it wrote to its pipes."""
    with process:
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
    assert process.returncode == code, f"ended with {process.returncode}: {out}\n{err}"
    return out, err


def listens(pid: int, port: int) -> bool:
    """Tell whether process `pid` itself listens on TCP `port`; sees only processes of one's own."""
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.NoSuchProcess:
        return False
    return any(
        connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        for connection in connections
    )


def run(*argv: str, timeout: float = 30.0) -> str:
    """Run a command to its end and return what it wrote to stdout.

    Raises:
        AssertionError: it did not end with 0; carries its own words.
    """
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()
        raise AssertionError(f"{argv[0]} ended with {done.returncode}: {words}")
    return done.stdout
