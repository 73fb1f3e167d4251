"""The command line as a process: what is loaded, how it ends, and that it is never in the way."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.command import Command
from tests.lab.fake_agent import FakeAgent, serving, status
from tests.lab.waiting import wait_until

HEAVY = {
    "aiohttp",
    "asyncio",
    "hypothesis",
    "jinja2",
    "psutil",
    "rich",
    "tomli_w",
    "watchdog",
    "yarl",
}
"""What neither `--version` nor `status` needs, and what takes long to load."""

LOADED = """
import sys
before = set(sys.modules)  # what a coverage measurement needs is not ours
from ground2cloud.cli import main
code = main(sys.argv[1:])
print(*set(sys.modules) - before, file=sys.stderr)
sys.exit(code)
"""


def run(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return] # the options of run
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        **more,
    )


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ground2cloud", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_version_loads_nothing_heavy() -> None:
    done = run("-c", LOADED, "--version")
    assert done.stdout.startswith("ground2cloud ")
    modules = set(done.stderr.split())
    assert not HEAVY & modules
    assert not {"http.client", "msgspec", "tomllib"} & modules


def test_status_loads_nothing_heavy(command: Command) -> None:
    with serving(FakeAgent(), command.run_dir):
        done = run("-c", LOADED, "--config", str(command.path), "status")
    assert done.returncode == 0
    assert "quickbooks" in done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_help_lists_every_command_and_loads_no_server() -> None:
    done = run("-c", LOADED, "--help")
    for name in (
        *("init", "check", "schema", "run", "status", "logs"),
        *("reload", "pause", "resume", "restart", "stop", "doctor"),
    ):
        assert f"\n  {name} " in done.stdout
    assert not {"aiohttp", "watchdog", "rich"} & set(done.stderr.split())


def test_a_reader_that_goes_away_is_no_error(command: Command) -> None:
    command.log.write_text("2026-11-22T10:15:03.120Z INFO  line\n" * 20_000)
    process = start("logs", "-n", "20000", "--config", str(command.path))
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(30) == 1


def test_the_module_is_the_command() -> None:
    assert run("-m", "ground2cloud", "--version").stdout == run("-c", LOADED, "--version").stdout


def test_an_old_terminal_gets_ascii(command: Command) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    with serving(FakeAgent(), command.run_dir):
        done = run("-m", "ground2cloud", "status", "--config", str(command.path), env=environment)
    assert done.returncode == 0
    assert "+ works  x does not  - not known" in done.stdout


def test_a_name_in_another_script_never_fails_on_an_old_terminal(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    done = run(
        "-m", "ground2cloud", "check", "--config", str(tmp_path / "ключ.toml"), env=environment
    )
    assert done.returncode == 78
    assert r"\u043a" in done.stderr
    assert "defect" not in done.stderr


def test_the_environment_names_the_configuration(command: Command) -> None:
    environment = {**os.environ, "GROUND2CLOUD_CONFIG": str(command.path)}
    assert run("-m", "ground2cloud", "check", env=environment).returncode == 0
    named = run("-m", "ground2cloud", "check", "--config", "other.toml", env=environment)
    assert named.returncode == 78
    before = run("-m", "ground2cloud", "--config", "other.toml", "check", env=environment)
    assert (before.returncode, before.stderr) == (78, named.stderr)
    after = run(
        *("-m", "ground2cloud", "--config", "other.toml", "check", "--config", str(command.path))
    )
    assert after.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal to one process there")
@pytest.mark.parametrize(
    "arguments",
    [("logs", "-f"), ("status", "--watch"), ("status", "--watch", "--json")],
    ids=" ".join,
)
def test_ctrl_c_ends_what_goes_on_for_ever_without_a_word(
    command: Command, arguments: tuple[str, ...]
) -> None:
    command.log.write_text("2026-11-22T10:15:03.120Z INFO  line\n")
    with serving(FakeAgent(status(log=str(command.log))), command.run_dir):
        process = start(*arguments, "--config", str(command.path))
        assert process.stdout is not None
        assert process.stdout.readline() != ""
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


def test_following_goes_on_over_a_rotation(command: Command) -> None:
    command.log.write_text("2026-11-22T10:15:03.120Z INFO  first\n")
    process = start("logs", "-f", "--config", str(command.path))
    assert process.stdout is not None
    try:
        assert process.stdout.readline().endswith("first\n")
        older = command.log.with_name("agent.log.1")
        # On Windows not in the moment in which it is read.
        wait_until(lambda: command.log.rename(older), what="the log is rotated")
        command.log.write_text("2026-11-22T10:15:03.120Z INFO  second\n")
        assert process.stdout.readline().endswith("second\n")
    finally:
        process.kill()
        process.communicate()


def test_following_waits_for_a_log_that_is_not_there_yet(command: Command) -> None:
    process = start("logs", "-f", "--config", str(command.path))
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        assert "waiting for it" in process.stderr.readline()
        command.log.write_text("2026-11-22T10:15:03.120Z INFO  first\n")
        assert process.stdout.readline().endswith("first\n")
    finally:
        process.kill()
        process.communicate()


def test_stop_returns_when_the_agent_has_ended(command: Command) -> None:
    command.run_dir.mkdir()
    agent = subprocess.Popen([sys.executable, "-m", "tests.lab.fake_agent", str(command.run_dir)])
    try:
        control = command.run_dir / "control.json"
        wait_until(control.exists, what="the agent answers")
        assert command("stop") == (0, "stopped\n", "")
        assert agent.wait(1) == 0
        assert not control.exists()
    finally:
        agent.kill()
        agent.wait()
