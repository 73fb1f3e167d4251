"""The commands that change a registration, killed between any two steps: nothing is half."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.e2e.registered import Make, answers, cli, gateway, identity, make, port_of, register
from tests.lab.agent import Agent
from tests.lab.processes import descendants, kill_all
from tests.lab.small_gateway import SmallGateway
from tests.lab.waiting import wait_until

__all__ = ["gateway", "make"]

Seen = Callable[[Agent, SmallGateway], bool]


def state(agent: Agent) -> Path:
    return agent.config.parent / "state"


def kill_when(agent: Agent, seen: Callable[[], bool], *words: str) -> None:
    """Run a command and kill it, with everything below it, as soon as this is seen."""
    argv = [sys.executable, "-m", "ground2cloud", *words, "--config", str(agent.config)]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(seen, timeout=30, what="the step", interval=0.01)
    finally:
        below = descendants(process.pid)
        process.kill()
        process.wait()
        kill_all(below)


def public(agent: Agent, name: str) -> str:
    return " ".join((state(agent) / f"{name}.pub").read_text().split()[:2])


def proposed(gateway: SmallGateway) -> str | None:
    keys = gateway.members[1001].keys
    return keys[1] if len(keys) > 1 else None


BEFORE_THE_CALL = {"it is noted", "the key is made", "the file names it"}
"""Steps before the command calls the gateway, which lets it wait: they could be over unseen."""

ROTATING: dict[str, Seen] = {
    "the key is made": lambda agent, _: (state(agent) / "id_ed25519-2").exists(),
    "the file names it": lambda agent, _: "next_key" in identity(agent),
    "the gateway knows it": lambda _, gateway: proposed(gateway) is not None,
    "sshd let it in": lambda _, gateway: gateway.has_let_in(proposed(gateway) or "none"),
    "the gateway takes it alone": lambda agent, gateway: (
        gateway.members[1001].keys[0] != public(agent, "id_ed25519")
    ),
    "the file names it alone": lambda agent, _: identity(agent)["key"] == "id_ed25519-2",
}


@pytest.mark.parametrize("step", ROTATING)
def test_a_rotation_killed_after_any_step_locks_nobody_out_and_can_go_on(
    make: Make, gateway: SmallGateway, step: str
) -> None:
    agent = make()
    register(agent, gateway)
    agent.start()
    agent.wait_ready()
    gateway.proves_keys = step not in {"the gateway knows it", "sshd let it in"}
    if step in BEFORE_THE_CALL:
        gateway.answering.clear()
    kill_when(agent, lambda: ROTATING[step](agent, gateway), "rotate-key")
    gateway.answering.set()
    gateway.proves_keys = True
    (ssh,) = agent.ssh_pids()
    os.kill(ssh, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(ssh), what="its end")
    wait_until(lambda: answers(port_of(agent)), what="the tunnel back")
    done = cli(agent, "rotate-key")
    assert done.returncode == 0, done.stderr
    found = identity(agent)
    assert "next_key" not in found
    assert len(gateway.members[1001].keys) == 1
    left = sorted(path.name for path in state(agent).glob("id_ed25519*"))
    assert left == [found["key"], f"{found['key']}.pub"]
    agent.stop()


JOINING: dict[str, Seen] = {
    "it is noted": lambda agent, _: (state(agent) / "joining.toml").exists(),
    "the key is made": lambda agent, _: (state(agent) / "id_ed25519-2").exists(),
    "the gateway has it": lambda _, gateway: len(gateway.members) > 1,
    "the file is there": lambda agent, _: identity(agent)["registration"] == 1002,
}


@pytest.mark.parametrize("step", JOINING)
def test_a_registration_killed_after_any_step_is_finished_by_the_same_command(
    make: Make, gateway: SmallGateway, step: str
) -> None:
    agent = make()
    register(agent, gateway)
    join = gateway.invite()
    if step in BEFORE_THE_CALL:
        gateway.answering.clear()
    kill_when(agent, lambda: JOINING[step](agent, gateway), "register", "--force", join)
    gateway.answering.set()
    assert identity(agent)["registration"] in {1001, 1002}, "is whole"
    done = cli(agent, "register", "--force", join)
    assert done.returncode == 0 or identity(agent)["registration"] == 1002, done.stderr
    assert list(gateway.members) == [1001, 1002], "one join string, one registration"
    agent.start()
    agent.wait_ready()
    assert answers(port_of(agent))
    agent.stop()
