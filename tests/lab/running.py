"""A `ground2cloud` in a process of its own: how it is started and ended, and what it said."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.lab.processes import descendants, is_alive, kill_all


class Running:
    """Use it as a context manager, or start and stop it.

    Leaving the context ends it hard with all its children, so a failed test leaves nothing; a test
    that cares how it ends calls `stop`.

    Args:
        argv: the whole command.
        stderr: the file to which stdout and stderr of all its runs go.
        env: added to this process's environment.
    """

    def __init__(
        self, argv: Sequence[str], stderr: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self._run_argv = tuple(argv)
        self._stderr = stderr
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Process id of the supervisor."""
        assert self._process is not None, "it was not started"
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start it, and don't wait for anything."""
        assert self._process is None or self._process.poll() is not None, "it runs already"
        with self._stderr.open("ab") as stderr:
            self._process = subprocess.Popen(
                self._run_argv,
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                env=self._environment(),
            )

    def stop(self, *, within: float, by: int = signal.SIGTERM) -> None:
        """Ask it to end, with this signal.

        Raises:
            AssertionError: it took longer than `within` seconds, its exit code is not 0, or it left
                a process behind.
        """
        assert self._process is not None, "it was not started"
        below = descendants(self.pid)
        self._process.send_signal(by)
        try:
            code = self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"no end within {within:g} s of signal {by}:\n{self.stderr_text()}"
            ) from None
        left = [process for process in below if is_alive(process)]
        kill_all(left)
        assert code == 0, f"ended with {code}:\n{self.stderr_text()}"
        assert not left, f"left behind: {left}"

    def kill(self) -> None:
        """End it with SIGKILL, and whatever it leaves."""
        if self._process is None:
            return
        below = descendants(self.pid) if self.exit_code is None else []
        self._process.kill()
        self._process.wait()
        kill_all(below)

    def crash(self) -> None:
        """End it alone with SIGKILL, and leave its children to their fate."""
        assert self._process is not None, "it was not started"
        self._process.kill()
        self._process.wait()

    def stderr_text(self) -> str:
        """Return what all its runs wrote to stdout and stderr."""
        return self._stderr.read_text("utf-8", "replace")

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **(self._env or {})}
