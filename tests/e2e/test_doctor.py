"""The doctor against a real sshd: each link broken in turn."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab.agent import Agent, service, write_config
from tests.lab.fake_agent import FakeAgent, lane, serving, status
from tests.lab.fake_agent import service as service_status
from tests.lab.httpapp import HttpApp
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.sshd import ThrowawaySshd


def examine(config: Path) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run the doctor; answer its exit code and its findings by their steps."""
    done = subprocess.run(
        [sys.executable, "-m", "ground2cloud", "doctor", "--json", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.stderr == ""
    return done.returncode, {one["step"]: one for one in json.loads(done.stdout)["findings"]}


def results(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {step: found[step]["result"] for step in ("host key", "login", "forward", "application")}


@pytest.fixture
def config(short_dir: Path, sshd: ThrowawaySshd, http_app: HttpApp, remote_port: int) -> Path:
    return write_config(short_dir, sshd, [service(http_app.port, remote_port)])


def test_with_everything_in_order_nothing_is_bad_and_nothing_is_left(
    config: Path, sshd: ThrowawaySshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    with short_directory() as temporary:
        monkeypatch.setenv("TMPDIR", str(temporary))
        code, found = examine(config)
        assert list(temporary.iterdir()) == []
    assert code == 0, found
    assert not [step for step, finding in found.items() if finding["result"] == "bad"]
    assert results(found) == dict.fromkeys(results(found), "good")
    assert not (config.parent / "run").exists()
    assert sshd.log.count("Accepted publickey") == 1


def test_another_host_key_is_found(config: Path, sshd: ThrowawaySshd) -> None:
    sshd.stop()
    sshd.change_host_key()
    sshd.start()
    code, found = examine(config)
    assert code == 1
    assert list(results(found).values()) == ["bad", "unknown", "unknown", "good"]
    assert "another host key" in found["host key"]["message"]


def test_a_key_that_is_not_let_in_is_found(config: Path, sshd: ThrowawaySshd) -> None:
    (sshd.directory / "authorized_keys").write_text("")
    code, found = examine(config)
    assert code == 1
    assert list(results(found).values()) == ["good", "bad", "unknown", "good"]
    assert "authorized_keys" in found["login"]["hint"]


def test_a_port_that_somebody_has_is_found(
    short_dir: Path, sshd: ThrowawaySshd, http_app: HttpApp
) -> None:
    config = write_config(short_dir, sshd, [service(http_app.port, http_app.port)])
    code, found = examine(config)
    assert code == 1
    assert list(results(found).values()) == ["good", "good", "bad", "good"]
    assert f"127.0.0.1:{http_app.port}" in found["forward"]["message"]


def test_an_application_that_is_down_is_found(
    short_dir: Path, sshd: ThrowawaySshd, remote_port: int
) -> None:
    config = write_config(short_dir, sshd, [service(free_port(), remote_port)])
    code, found = examine(config)
    assert code == 1
    assert list(results(found).values()) == ["good", "good", "good", "bad"]


def test_a_key_that_others_may_read_is_found(config: Path, sshd: ThrowawaySshd) -> None:
    sshd.identity_file.chmod(0o644)
    code, found = examine(config)
    assert code == 1
    assert found["key"]["result"] == "bad"
    assert "chmod 600" in found["key"]["hint"]


@pytest.mark.parametrize(
    ("ssh", "message"),
    [
        ({"ciphers": "no-such-cipher"}, "Bad SSH2 cipher spec 'no-such-cipher'"),
        ({"options": {"NoSuchOption": "yes"}}, "does not know the option nosuchoption"),
    ],
)
def test_settings_that_ssh_does_not_take_are_found_before_anything_is_dialled(
    short_dir: Path, sshd: ThrowawaySshd, ssh: dict[str, object], message: str
) -> None:
    config = write_config(short_dir, sshd, [service(free_port(), free_port())], ssh=ssh)
    code, found = examine(config)
    assert code == 1
    assert found["settings"]["result"] == "bad"
    assert message in found["settings"]["message"]
    assert "[ssh]" in found["settings"]["hint"]
    assert list(results(found).values())[:3] == ["unknown"] * 3
    assert "Accepted publickey" not in sshd.log


def test_files_that_others_may_change_are_found_and_stop_nothing(config: Path) -> None:
    config.parent.chmod(0o777)
    code, found = examine(config)
    assert code == 1
    assert found["files"]["hint"] == f"run: chmod go-w {config.parent}"
    assert found["forward"]["result"] == "good"


def test_a_running_agent_keeps_its_ports_and_its_word_is_taken(config: Path) -> None:
    with Agent(config) as agent:
        agent.wait_ready()
        before = agent.ssh_pids()
        code, found = examine(config)
        assert agent.ssh_pids() == before
    assert code == 0, found
    assert found["agent"]["message"].startswith("running for ")
    assert found["forward"]["result"] == "good"


def test_an_agent_that_is_not_through_is_not_disturbed(config: Path, sshd: ThrowawaySshd) -> None:
    """Its own connection would get in the way of the agent's next try."""
    troubled = lane(state="backoff", reason="port-taken", last_error="in use", hint="wait")
    agent = FakeAgent(status(service_status(state="down"), lanes=(troubled,)))
    with serving(agent, config.parent / "run"):
        code, found = examine(config)
    assert code == 1
    assert (found["forward"]["result"], found["forward"]["message"]) == ("bad", "in use")
    assert "Accepted publickey" not in sshd.log
