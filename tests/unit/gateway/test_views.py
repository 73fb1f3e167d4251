"""What an operator reads: states in words, and nothing that a terminal would act on."""

from ground2cloud.cli.gateway.views import agent_lines, status_lines
from ground2cloud.cli.words import ASCII
from ground2cloud.openssh.sshd.process import Process
from ground2cloud.openssh.sshd.sessions import Session
from ground2cloud.roles.gateway.report import Seen, agent_view, state_of, summary
from ground2cloud.web.gateway_messages import (
    Agents,
    AgentView,
    ChildView,
    GatewayStatus,
    TunnelView,
)
from ground2cloud.web.messages import Light, Lights
from tests.unit.gateway.test_derive import MINE, REVOKED

NOW = "2026-11-22T10:00:10.000Z"
UNKNOWN = Light()
UP, DOWN = Light("up", "2026-11-22T10:00:00.000Z"), Light("down", None, "no lane")


def tunnel(listener: Light, application: Light = UNKNOWN) -> TunnelView:
    lights = Lights(ssh=UP, listener=listener, path=Light(), application=application)
    return TunnelView(name="web", kind="http", port=11081, lights=lights)


def test_the_states_of_a_registration() -> None:
    up = tunnel(UP)
    assert state_of(MINE, [up], ()) == "active"
    assert state_of(MINE, [up, tunnel(DOWN)], ()) == "degraded"
    assert state_of(MINE, [tunnel(UP, application=DOWN)], ()) == "degraded"
    assert state_of(MINE, [tunnel(DOWN)], ()) == "no-response"
    assert state_of(REVOKED, [up], ()) == "revoked"


def test_which_of_two_lanes_holds_a_slot_is_not_guessed() -> None:
    (service,) = MINE.services[:1]

    def slots(*sessions: Session) -> list[str]:
        places = {(slot, service.port): 1.0 for slot in MINE.slots[: len(sessions)]}
        seen = Seen(
            since=places, sessions={MINE.id: sessions}, reports={}, proofs={}, silent_after=90
        )
        return [lane.slot for lane in agent_view(MINE, seen).lanes]

    one, other = (
        Session(MINE.id, "SHA256:x", "192.0.2.1", port, 1.0, Process(port, "1")) for port in (5, 6)
    )
    assert slots(one) == [MINE.slots[0]]
    assert slots(one, other) == ["", ""]


def test_a_summary_counts_those_that_are_not_revoked() -> None:
    down = ChildView(name="router", state="backoff")
    assert summary({"active": 2, "degraded": 1, "revoked": 4}, []) == "2/3 active"
    assert summary({}, [down]) == "0/0 active, router not up"


def test_agents_are_listed_with_their_lights() -> None:
    agent = AgentView(id=1001, name="office\x1b[2J", state="active", services=(tunnel(UP),))
    head, first, lights = agent_lines(Agents(agents=(agent,)), NOW, ASCII)
    assert "STATE" in head
    assert "office\\x1b[2J" in first
    assert "port 11081" in lights
    assert "listener" in lights
    assert "10 s ago" in lights


def test_nobody_registered_yet_is_told_what_to_do() -> None:
    [line] = agent_lines(Agents(agents=()), NOW, ASCII)
    assert "gateway invite" in line


def test_the_status_says_why_a_program_is_not_up() -> None:
    child = ChildView(name="sshd", state="blocked", last_error="port 22 is taken", hint="free it")
    status = GatewayStatus(
        version="1",
        pid=1,
        config="gateway.toml",
        log=None,
        host="g2c.example.com",
        started_at=NOW,
        uptime=3.0,
        summary="0/0 active, sshd not up",
        children=(child,),
        addresses={"router": "0.0.0.0:80"},
        counts={},
        elements=0,
    )
    text = "\n".join(status_lines(status, ASCII))
    assert "port 22 is taken" in text
    assert "free it" in text
    assert "0.0.0.0:80" in text
