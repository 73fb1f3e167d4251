"""What the throwaway database servers share: a directory of their own, a user that is not root.

Both refuse to run as root; there they run as the user that their Debian package made.
"""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psutil

from tests.lab.places import make_short_directory
from tests.lab.ports import free_port
from tests.lab.processes import descendants, end_child, for_each, run
from tests.lab.waiting import wait_until


class ThrowawayServer:
    """A server process on a loopback port; use it as a context manager.

    Attributes:
        host, port: where it listens.
        directory: short and private; belongs to the server's user.
    """

    system_user = ""
    """The account the server runs as when the test is root's."""
    stop_signal = signal.SIGTERM
    """What makes the server end soon and in order."""

    def __init__(self) -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self.directory = make_short_directory()
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            if os.geteuid() == 0:
                account = pwd.getpwnam(self.system_user)
                os.chown(self.directory, account.pw_uid, account.pw_gid)
            self.prepare()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def log(self) -> str:
        """Everything the server has said."""
        path = self.directory / "server.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def prepare(self) -> None:
        """Make the data directory."""
        raise NotImplementedError

    def argv(self) -> list[str]:
        """Return the server's command."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """Return the command that runs the server as its user."""
        return as_user(self.system_user, self.argv())

    def query(self, sql: str, *, port: int | None = None, timeout: float = 30.0) -> str:
        """Run one statement with the real client; return its rows, tabs between the values.

        Args:
            sql: the statement.
            port: where to connect on 127.0.0.1: the server's own by default, or a tunnel's.
            timeout: bound of the whole call in seconds.

        Raises:
            ConnectionError: the client failed; carries its words.
        """
        raise NotImplementedError

    def start(self) -> None:
        """Start the server and wait until it answers a query."""
        with (self.directory / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,
            )
        wait_until(self._answers, timeout=60, what=f"{type(self).__name__} answering", interval=0.1)

    def stop(self) -> None:
        """End the server; the data stay."""
        if self._server is not None:
            end_child(self._server, self.stop_signal)
            self._server = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let the server be there and do nothing until the end of the block."""
        assert self._server is not None
        main = psutil.Process(self._server.pid)
        main.suspend()  # first, so that it starts no other
        stopped = [main, *descendants(main.pid)]
        for_each(stopped, psutil.Process.suspend)
        try:
            yield
        finally:
            for_each(stopped, psutil.Process.resume)

    def close(self) -> None:
        """End the server and remove its directory."""
        self.stop()
        shutil.rmtree(self.directory)

    def _answers(self) -> bool:
        assert self._server is not None
        assert self._server.poll() is None, f"the server ended at once: {self.log}"
        return self.query("SELECT 1").strip() == "1"

    def run_as_user(self, *argv: str) -> str:
        """Run a command as the server's user and return what it printed."""
        return run(*as_user(self.system_user, argv))


def as_user(user: str, argv: "list[str] | tuple[str, ...]") -> list[str]:
    """Return the command that runs `argv` as `user` if we are root, and as ourselves if not."""
    if os.geteuid() != 0:
        return list(argv)
    # setpriv becomes the command; runuser would stay above it, and take the signals.
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", *argv]


def run_client(argv: list[str], timeout: float, **env: str) -> str:
    """Run a database client and return its output.

    Raises:
        ConnectionError: it failed or took too long; a subclass of OSError, so waiting goes on.
    """
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C", **env},
        )
    except subprocess.TimeoutExpired as error:
        raise ConnectionError(f"{argv[0]}: no end after {timeout:g} s") from error
    if done.returncode != 0:
        raise ConnectionError(f"{argv[0]}: {done.stderr.strip()}")
    return done.stdout


def find_program(name: str, *patterns: str) -> str:
    """Return the path of a program: the newest that matches a glob below /, else that of PATH.

    Raises:
        AssertionError: it is not installed.
    """
    for pattern in patterns:
        found = sorted(Path("/").glob(f"{pattern}/{name}"), key=_version)
        if found:
            return str(found[-1])
    program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert program, f"{name} is not installed"
    return program


def _version(path: Path) -> list[int]:
    return [int(part) for part in path.parts if part.isdigit()]
