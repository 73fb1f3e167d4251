"""The command line on a terminal."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

from tests.lab.fake_agent import FakeAgent, service, serving, status

ON_TERMINAL = (
    "import os, sys; os.login_tty(0); os.execv(sys.executable, sys.orig_argv[:1] + sys.argv[1:])"
)
"""Takes the terminal for its own, as a shell's commands have it, so that Ctrl-C reaches it."""


def see(arguments: list[str], *, until: bytes, then: bytes = b"") -> tuple[bytes, int]:
    """Run a command on a terminal, type `then` when `until` was shown; answer what was shown."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", ON_TERMINAL, "-m", "ground2cloud", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "150", "LINES": "40", "NO_COLOR": ""},
    )
    os.close(theirs)
    shown, deadline = b"", time.monotonic() + 30
    try:
        while select.select([ours], [], [], max(0, deadline - time.monotonic()))[0]:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # Linux's way to say that the other side is closed
                break
            if then and until in shown:
                os.write(ours, then)
                then = b""
        assert until in shown
        return shown, process.wait(10)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def write(directory: Path) -> str:
    config = directory / "agent.toml"
    config.write_text(f'[paths]\nrun = "{directory / "run"}"\n')
    return str(config)


def test_a_watched_status_is_drawn_in_place_and_ctrl_c_restores_the_screen(tmp_path: Path) -> None:
    config = write(tmp_path)
    with serving(FakeAgent(), tmp_path / "run"):
        shown, code = see(
            ["status", "--watch", "--config", config], until="✓".encode(), then=b"\x03"
        )
    assert code == 0
    assert shown.startswith(b"\x1b[?1049h")
    assert shown.endswith(b"\x1b[?1049l")
    assert b"Traceback" not in shown


def test_a_status_has_colours_on_a_terminal(tmp_path: Path) -> None:
    config = write(tmp_path)
    agent = FakeAgent(status(service(), service("db", "down")))
    with serving(agent, tmp_path / "run"):
        shown, code = see(["status", "--config", config], until=b"quickbooks")
    assert code == 1
    assert b"\x1b[32mup" in shown
    assert b"\x1b[31mdown" in shown
