"""The command line, run inside the test's own process: fast, and its output is at hand."""

import contextlib
import io
from pathlib import Path
from typing import NamedTuple

import pytest
import tomli_w

from ground2cloud.cli import main

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKtEOWivlsyAguiMz3kEndcMrZUQ9Bz3/bBtPxaCGS7c"
"""A host key that nobody has."""


class Ended(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


def run_here(config: Path, *words: str) -> Ended:
    """Run `ground2cloud WORDS --config FILE`: a process of its own spends a second on imports."""
    # As a terminal's: some commands write bytes. The ends of lines are the same on every system.
    out, err = (
        io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n", write_through=True) for _ in range(2)
    )
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*words, "--config", str(config)])
    said, complained = (it.detach().getvalue().decode() for it in (out, err))
    return Ended(code, said, complained)


class Command:
    """Runs `ground2cloud ARGUMENTS` on a configuration in a directory of the test.

    `path` is the configuration, `run_dir` where its agent would be found, `log` its log.
    """

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = directory / "agent.toml"
        self.run_dir = directory / "run"
        self.log = directory / "agent.log"
        self._capsys = capsys

    def write(self, **gateway: str | int) -> None:
        """Write a good configuration with one service, `quickbooks`."""
        content = {
            "gateway": {"host": "g2c.example.com", "host_key": HOST_KEY, **gateway},
            "service": [{"name": "quickbooks", "kind": "http", "port": 8080, "remote_port": 11081}],
            "log": {"file": str(self.log)},
            "paths": {"run": str(self.run_dir), "state": str(self.run_dir.parent / "state")},
        }
        self.path.write_text(tomli_w.dumps(content), "utf-8")

    def __call__(self, *arguments: str) -> Ended:
        """Run it to its end."""
        self._capsys.readouterr()
        code = main([*arguments, "--config", str(self.path)])
        return Ended(code, *self._capsys.readouterr())
