"""A registered agent: joins with one line, lives with its gateway, leaves it."""

import os
import signal
import stat

import psutil
import pytest

from ground2cloud.backchannel.errors import RefusedError, Slug
from ground2cloud.web.messages import RegistrationStatus
from tests.e2e.registered import (
    QUICK,
    Make,
    answers,
    cli,
    gateway,
    identity,
    make,
    one,
    port_of,
    register,
)
from tests.lab.agent import Agent
from tests.lab.editing import edit
from tests.lab.httpapp import HttpApp
from tests.lab.ports import free_port
from tests.lab.small_gateway import SLOTS, SmallGateway
from tests.lab.waiting import wait_until

__all__ = ["gateway", "make"]


def test_two_commands_and_a_request_arrives(make: Make, gateway: SmallGateway) -> None:
    agent = make()
    out = register(agent, gateway, "--name", "berlin")
    assert "registered as 1001 (berlin)" in out
    agent.start()
    status = agent.wait_ready()
    assert answers(port_of(agent))
    assert gateway.claims[0] == (SLOTS[0], "none")
    assert status.registration is not None
    assert (status.registration.id, status.registration.name) == (1001, "berlin")
    assert status.services[0].remote == f"127.0.0.1:{port_of(agent)}"
    state = agent.config.parent / "state"
    for name in ("identity.toml", "id_ed25519"):
        assert stat.S_IMODE((state / name).stat().st_mode) == 0o600
    assert (state / "known_hosts").read_text().startswith("@cert-authority ")
    assert not (state / "joining.toml").exists()
    agent.stop()


def test_a_running_agent_takes_a_registration_up_and_gives_it_up_at_once(
    make: Make, gateway: SmallGateway
) -> None:
    agent = make()
    agent.start()
    wait_until(lambda: "not registered" in agent.log_text(), what="it waits")
    status = wait_until(agent.status, what="its status")
    assert status.summary == "0/1 up"
    assert "not registered" in cli(agent, "status").stdout
    register(agent, gateway)
    agent.wait_ready()
    port = port_of(agent)
    assert answers(port)
    done = cli(agent, "unregister")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: not agent.ssh_pids(), what="the lane's end")
    assert gateway.members == {}
    left = {path.name for path in (agent.config.parent / "state").iterdir()}
    assert not left & {"identity.toml", "id_ed25519", "id_ed25519.pub"}
    wait_until(lambda: agent.status().lanes == (), what="no lane")
    register(agent, gateway)
    agent.wait_ready()
    agent.stop()


def test_a_service_that_is_added_gets_a_port_and_disturbs_no_other(
    make: Make, gateway: SmallGateway, http_app: HttpApp
) -> None:
    agent = make("first")
    register(agent, gateway)
    agent.start()
    agent.wait_ready()
    first = port_of(agent, "first")
    (ssh,) = agent.ssh_pids()
    edit(agent.config, lambda tables: tables["service"].append(one(http_app, "second")))
    wait_until(lambda: len(identity(agent)["service"]) == 2, what="a port for it")
    wait_until(lambda: len(agent.status().lanes) == 2, what="a lane for it")
    status = agent.wait_ready()
    second = port_of(agent, "second")
    places = {each.name: each.remote for each in status.services}
    assert places == {"first": f"{SLOTS[0]}:{first}", "second": f"{SLOTS[1]}:{second}"}
    assert answers(first)
    assert answers(second, SLOTS[1])
    assert ssh in agent.ssh_pids(), "the first lane was replaced"
    assert cli(agent, "restart").returncode == 0
    wait_until(lambda: answers(second) and answers(first), what="both on one lane again")
    edit(agent.config, lambda tables: tables["service"].pop())
    wait_until(lambda: len(identity(agent)["service"]) == 1, what="it withdrawn")
    edit(agent.config, lambda tables: tables["service"].append(one(http_app, "second")))
    wait_until(lambda: len(identity(agent)["service"]) == 2, what="it back")
    assert port_of(agent, "second") == second, "another port than before"
    agent.stop()


def test_a_stale_session_does_not_keep_a_new_lane_out(make: Make, gateway: SmallGateway) -> None:
    """The sshd here never notices a dead client by itself: only the claim frees the port."""
    agent = make(ssh=QUICK)
    register(agent, gateway)
    agent.start()
    agent.wait_ready()
    (ssh,) = agent.ssh_pids()
    os.kill(ssh, signal.SIGSTOP)
    wait_until(lambda: ssh not in agent.ssh_pids() and answers(port_of(agent)), what="a new lane")
    agent.crash()  # leaves its ssh, which holds the ports
    agent.start()
    agent.wait_ready()
    assert answers(port_of(agent))
    agent.stop()


def test_a_stale_holder_is_ended_by_the_claim(make: Make, gateway: SmallGateway) -> None:
    agent = make()
    register(agent, gateway)
    agent.start()
    agent.wait_ready()
    holders = gateway.sshd.sessions()
    for process in holders:
        process.suspend()
    os.kill(agent.ssh_pids()[0], signal.SIGKILL)
    wait_until(lambda: (SLOTS[0], "ended") in gateway.claims, what="the claim")
    wait_until(lambda: answers(port_of(agent)), what="the tunnel back")
    assert "ended the stale session" in agent.log_text()
    agent.stop()


def test_a_lane_asks_until_it_is_its_turn(make: Make, gateway: SmallGateway) -> None:
    gateway.not_yet, gateway.dial_in = 3, 0.2
    agent = make()
    register(agent, gateway)
    agent.start()
    agent.wait_ready()
    assert gateway.claims == [(SLOTS[0], "none")] * 4
    assert answers(port_of(agent))
    agent.stop()


def test_no_request_waits_for_the_turn_of_a_lane(make: Make, gateway: SmallGateway) -> None:
    agent = make()
    register(agent, gateway)
    gateway.not_yet, gateway.dial_in = 1_000_000, 15.0
    agent.start()
    wait_until(lambda: gateway.claims, what="a claim")
    assert cli(agent, "pause", "app").returncode == 0
    gateway.not_yet, gateway.dial_in = 0, 0.0
    assert cli(agent, "resume", "app").returncode == 0
    agent.wait_ready()
    agent.stop()


@pytest.mark.timeout(150)
@pytest.mark.parametrize("how", ["away", "hangs", "refuses"])
def test_no_lane_waits_for_a_backchannel(make: Make, gateway: SmallGateway, how: str) -> None:
    agent = make()
    register(agent, gateway)
    if how == "away":
        gateway.stop()
    elif how == "hangs":
        gateway.answering.clear()
    else:
        gateway.fault = RefusedError(Slug.UNAVAILABLE, "not now")
    agent.start()
    agent.wait_ready(timeout=40)
    assert answers(port_of(agent))

    def told() -> bool:
        found = agent.status().registration
        return found is not None and found.light.state == "down"

    wait_until(told, what="the light")
    assert "backchannel" in cli(agent, "status").stdout
    gateway.answering.set()
    gateway.fault = None
    if how == "away":
        gateway.start()
    wait_until(lambda: not told(), timeout=40, what="it is back")
    agent.stop()


def test_heartbeats_tell_how_it_is_and_measure_the_clocks(
    make: Make, gateway: SmallGateway
) -> None:
    agent = make()
    register(agent, gateway)
    agent.start()
    agent.wait_ready()

    def told() -> bool:
        beats = gateway.members[1001].beats
        return bool(
            beats
            and beats[-1].lanes
            and beats[-1].lanes[0].state == "ready"
            and beats[-1].services[0].application == "up"
        )

    wait_until(told, what="a heartbeat that says all is well")
    last = gateway.members[1001].beats[-1]
    assert last.lanes[0].slot == SLOTS[0]

    def answered() -> RegistrationStatus | None:
        found = agent.status().registration
        return found if found is not None and found.light.state == "up" else None

    found = wait_until(answered, what="the answer has come")
    assert found.clock_skew is not None
    assert abs(found.clock_skew) < 2
    assert "clock here" in cli(agent, "status").stdout
    agent.stop()


def test_an_answer_that_was_lost_is_asked_for_again(make: Make, gateway: SmallGateway) -> None:
    """The same join string again gives the same registration."""
    agent = make()
    join = gateway.invite()
    gateway.lost_answers = 1
    assert cli(agent, "register", join).returncode == 1
    assert not (agent.config.parent / "state" / "identity.toml").exists()
    done = cli(agent, "register", join)
    assert done.returncode == 0, done.stderr
    assert list(gateway.members) == [1001]
    agent.start()
    agent.wait_ready()
    agent.stop()


def test_what_is_refused_is_told_and_changes_nothing(make: Make, gateway: SmallGateway) -> None:
    agent = make()
    register(agent, gateway)
    before = identity(agent)
    again = cli(agent, "register", gateway.invite())
    assert again.returncode == 1
    assert "already" in again.stderr
    used = cli(agent, "register", "--force", gateway.invite()[:-3])
    assert "damaged" in used.stderr
    gateway.joins.clear()
    join = gateway.invite()
    gateway.joins.clear()
    refused = cli(agent, "register", "--force", join)
    assert refused.returncode == 1
    assert "no such join token" in refused.stderr
    assert identity(agent) == before
    files = sorted(path.name for path in (agent.config.parent / "state").glob("id_*"))
    assert files == ["id_ed25519", "id_ed25519.pub"]


def test_a_plain_sshd_s_configuration_is_not_registered(
    agent: Agent, gateway: SmallGateway
) -> None:
    done = cli(agent, "register", gateway.invite())
    assert done.returncode == 1
    assert "[gateway]" in done.stderr
    assert gateway.members == {}


def test_the_doctor_walks_to_the_gateway_and_to_its_backchannel(
    make: Make, gateway: SmallGateway
) -> None:
    agent = make()
    before = cli(agent, "doctor")
    assert before.returncode == 1
    assert "the first thing to mend: registration" in before.stdout
    gateway.endpoints = [("127.0.0.1", free_port()), *gateway.endpoints]
    register(agent, gateway)
    good = cli(agent, "doctor")
    assert good.returncode == 0, good.stdout
    for words in ("number 1001", "trying the next endpoint", "lets this machine in", "knows this"):
        assert words in good.stdout
    del gateway.members[1001]
    gateway.write_keys()
    gone = cli(agent, "doctor")
    assert gone.returncode == 1
    assert "the first thing to mend: login" in gone.stdout
    assert "the registration may be revoked" in gone.stdout


# Keys ------------------------------------------------------------------------------------------


def test_a_rotation_changes_the_key_and_interrupts_nothing(
    make: Make, gateway: SmallGateway
) -> None:
    agent = make()
    register(agent, gateway)
    agent.start()
    agent.wait_ready()
    before, key = identity(agent), gateway.members[1001].keys[0]
    (ssh,) = agent.ssh_pids()
    done = cli(agent, "rotate-key")
    assert done.returncode == 0, done.stderr
    after = identity(agent)
    assert after["key"] != before["key"]
    assert {**after, "key": before["key"]} == before, "more than the key has changed"
    assert agent.ssh_pids() == [ssh]
    assert len(gateway.members[1001].keys) == 1
    assert key not in gateway.members[1001].keys
    os.kill(ssh, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(ssh), what="its end")
    wait_until(lambda: answers(port_of(agent)), what="the tunnel back, with the new key")
    assert sorted(path.name for path in (agent.config.parent / "state").glob("id_*")) == [
        after["key"],
        f"{after['key']}.pub",
    ]
    agent.stop()


def test_a_key_that_the_gateway_does_not_let_in_is_given_up(
    make: Make, gateway: SmallGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway says that it took it, and sshd does not."""
    agent = make()
    register(agent, gateway)
    before = identity(agent)
    monkeypatch.setattr(gateway, "write_keys", lambda: None)
    done = cli(agent, "rotate-key")
    assert done.returncode == 1
    assert "the present key stays" in done.stderr
    assert identity(agent) == before
    assert len(list((agent.config.parent / "state").glob("id_ed25519*"))) == 2
    assert len(gateway.members[1001].keys) == 1, "the gateway has been told"


def test_a_rotation_that_is_cut_off_after_the_proof_leaves_a_lane_that_gets_in(
    make: Make, gateway: SmallGateway
) -> None:
    """The gateway has seen the new key and takes the old one no more; the file still has both."""
    agent = make()
    register(agent, gateway)
    gateway.proves_keys = False
    cut = cli(agent, "rotate-key")
    assert cut.returncode == 1
    assert "both keys stay" in cut.stderr
    assert "next_key" in identity(agent)
    member = gateway.members[1001]
    assert gateway.has_let_in(member.keys[1])
    member.keys = member.keys[1:]
    gateway.write_keys()
    gateway.proves_keys = True
    agent.start()
    agent.wait_ready()
    wait_until(lambda: "next_key" not in identity(agent), what="the agent settles it")
    assert answers(port_of(agent))
    agent.stop()


def test_a_rotation_without_a_gateway_changes_nothing(make: Make, gateway: SmallGateway) -> None:
    agent = make()
    register(agent, gateway)
    before = identity(agent)
    gateway.stop()
    done = cli(agent, "rotate-key")
    assert done.returncode == 1
    assert identity(agent) == before
    assert len(list((agent.config.parent / "state").glob("id_ed25519*"))) == 2
