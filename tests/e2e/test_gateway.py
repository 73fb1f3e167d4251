"""The gateway as its operator, its agents and its callers meet it: everything in it is real."""

import http.client
import json
import os
import re
import signal
import socket
import time

import pytest
from msgspec.structs import replace

from ground2cloud.backchannel.errors import RefusedError, Slug
from ground2cloud.backchannel.messages import (
    HeartbeatRequest,
    LaneReport,
    ServiceReport,
    WantedService,
)
from ground2cloud.config.model import Kind
from ground2cloud.openssh.sshd.claims import LIMIT
from tests.lab.gateway import DOMAIN, GatewayLab, LabAgent, Response, public
from tests.lab.httpapp import HttpApp
from tests.lab.ports import free_port
from tests.lab.waiting import wait_until

WEB = ("web", Kind.HTTP)


def element(gateway: GatewayLab, *grants: str, name: str = "") -> str:
    """Make a key that opens these."""
    options = [word for grant in grants for word in ("--grant", grant)]
    return gateway.do("element", "add", name or f"caller{free_port()}", *options)


def ask(gateway: GatewayLab, agent: LabAgent, key: str, service: str = "web") -> Response:
    return gateway.request(Ground2Cloud_Route=f"{agent.id}/{service}", Ground2Cloud_Key=key)


def until(gateway: GatewayLab, agent: LabAgent, key: str, status: int) -> Response:
    """Wait until a request is answered with this status."""

    def look() -> Response | None:
        answer = ask(gateway, agent, key)
        return answer if answer.status == status else None

    return wait_until(look, timeout=10, what=f"status {status}")


def test_an_invited_agent_is_reached_with_an_element_key(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    agent = gateway.register(WEB)
    key = element(gateway, str(agent.id))
    assert ask(gateway, agent, key).error == "tunnel-down"
    with agent.lane({"web": http_app.port}):
        assert until(gateway, agent, key, 200).body == "hello from app\n"
        by_name = gateway.request(Host=f"web-{agent.id}.{DOMAIN}", Ground2Cloud_Key=key)
        assert by_name.status == 200
        view = gateway.agent(agent.id)
        assert (view.state, len(view.lanes), view.lanes[0].slot) == ("active", 1, "127.0.0.1")
        assert view.services[0].requests is not None
        assert view.services[0].requests >= 2
    assert until(gateway, agent, key, 503).error == "tunnel-down"
    wait_until(lambda: gateway.agent(agent.id).state == "no-response", what="no response")


def test_who_may_not_is_told_why(gateway: GatewayLab, http_app: HttpApp) -> None:
    agent, other = gateway.register(WEB, ("db", Kind.POSTGRESQL)), gateway.register(WEB)
    key, narrow = element(gateway, str(agent.id)), element(gateway, f"{agent.id}/db")
    route = f"{agent.id}/web"
    with agent.lane({"web": http_app.port, "db": free_port()}):
        until(gateway, agent, key, 200)
        assert gateway.request(Ground2Cloud_Route=route)[:2] == (401, "no-key")
        wrong = gateway.request(Ground2Cloud_Route=route, Ground2Cloud_Key="x" * 43)
        assert wrong[:2] == (401, "wrong-key")
        assert ask(gateway, agent, narrow)[:2] == (403, "not-granted")
        assert ask(gateway, other, key)[:2] == (403, "not-granted")
        unknown = gateway.request(Ground2Cloud_Route="4711/web", Ground2Cloud_Key=key)
        assert unknown[:2] == (404, "unknown-route")
        assert json.loads(unknown.body)["error"] == "unknown-route"
        http_app.stop()
        assert ask(gateway, agent, key)[:2] == (502, "application-unreachable")


def test_a_revoked_registration_is_gone_within_a_second_and_for_good(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    agent = gateway.register(WEB)
    key = element(gateway, str(agent.id))
    with agent.lane({"web": http_app.port}) as lane:
        until(gateway, agent, key, 200)
        gateway.do("revoke", str(agent.id))
        lane.wait(timeout=10)
        assert ask(gateway, agent, key)[:2] == (404, "unknown-route")
    with agent.lane({"web": http_app.port}) as lane:
        assert lane.wait(timeout=10) == 255
    with pytest.raises(RefusedError) as refused:
        agent.client.claim("127.0.0.1")
    assert refused.value.slug == Slug.REVOKED
    assert gateway.agent(agent.id).state == "revoked"
    every = [json.loads(line) for line in gateway.audit().splitlines()]
    acts = {each["act"]: each for each in every if each.get("registration") == agent.id}
    assert acts.keys() >= {"registered", "revoked", "lanes-ended"}
    # By the gateway's own clock: what is there after that time would be counted as left.
    assert (acts["lanes-ended"]["left"], LIMIT) == (0, pytest.approx(0.9, abs=0.1))


def test_a_revoked_element_key_opens_nothing_any_more(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    agent = gateway.register(WEB)
    key = element(gateway, str(agent.id), name="shortlived")
    with agent.lane({"web": http_app.port}):
        until(gateway, agent, key, 200)
        gateway.do("element", "revoke", "shortlived")
        assert ask(gateway, agent, key)[:2] == (401, "wrong-key")
    listed = json.loads(gateway.do("element", "list", "--json"))["elements"]
    assert key not in json.dumps(listed)
    [mine] = [each for each in listed if each["name"] == "shortlived"]
    assert mine["revoked_at"] is not None


def test_a_join_string_is_good_for_one_registration(gateway: GatewayLab) -> None:
    join = gateway.do("invite", "--name", "once", "--services", "web")
    agent = gateway.register(WEB, join=join)
    again = agent.client.register(agent.join.token, agent.request)
    assert again == agent.registered, "the same request, whose answer was lost, is answered again"
    with pytest.raises(RefusedError) as used:
        gateway.register(WEB, join=join)
    assert used.value.slug == Slug.JOIN_USED
    with pytest.raises(RefusedError) as other:
        gateway.register(("db", Kind.MYSQL), join=gateway.do("invite", "--services", "web"))
    assert other.value.slug == Slug.JOIN_SERVICES
    late = gateway.do("invite", "--expires", "1s")
    time.sleep(1.1)
    with pytest.raises(RefusedError) as expired:
        gateway.register(WEB, join=late)
    assert expired.value.slug == Slug.JOIN_EXPIRED
    assert '"reason":"token-used"' in gateway.audit()


def test_an_agent_whose_answer_was_lost_may_have_other_services_when_it_asks_again(
    gateway: GatewayLab,
) -> None:
    agent = gateway.register(WEB)
    services = (WantedService(name="db", kind=Kind.MYSQL), *agent.request.services)
    again = agent.client.register(agent.join.token, replace(agent.request, services=services))
    assert again.registration == agent.id
    assert [(one.name, one.kind) for one in again.services] == [("db", Kind.MYSQL), WEB]
    assert again.services[1].port == agent.ports["web"]


def test_a_renewed_registration_keeps_number_and_ports(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    lost = gateway.register(WEB)
    key = element(gateway, str(lost.id))
    with lost.lane({"web": http_app.port}) as lane:
        until(gateway, lost, key, 200)
        found = gateway.register(WEB, join=gateway.do("invite", "--renew", str(lost.id)))
        assert lane.wait(timeout=10) == 255, "the lane of the machine before is ended"
    assert (found.id, found.ports) == (lost.id, lost.ports)
    with lost.lane({"web": http_app.port}) as lane:
        assert lane.wait(timeout=10) == 255, "the key before is not let in"
    with found.lane({"web": http_app.port}):
        until(gateway, found, key, 200)


def test_a_stale_holder_gives_way_to_a_claim(gateway: GatewayLab, http_app: HttpApp) -> None:
    agent = gateway.register(WEB)
    key = element(gateway, str(agent.id))
    with agent.lane({"web": http_app.port}) as stale:
        until(gateway, agent, key, 200)
        stale.send_signal(signal.SIGSTOP)
        assert agent.client.claim("127.0.0.1").holder == "ended"
        with agent.lane({"web": http_app.port}):
            assert until(gateway, agent, key, 200).body == "hello from app\n"
        stale.kill()
    assert agent.client.claim("127.0.0.2").holder == "none"
    with pytest.raises(RefusedError) as refused:
        agent.client.claim("127.0.0.9")
    assert refused.value.slug == Slug.SLOT_UNKNOWN


def test_a_port_that_something_else_holds_is_told_to_agent_and_operator(
    gateway: GatewayLab,
) -> None:
    agent = gateway.register(WEB)
    place = ("127.0.0.1", agent.ports["web"])
    me = f"(pid {os.getpid()})"
    with socket.create_server(place), pytest.raises(RefusedError) as refused:
        agent.client.claim("127.0.0.1")
    assert refused.value.slug == Slug.CONFLICT
    assert me in refused.value.message
    [problem] = gateway.status().problems
    assert f"registration {agent.id} on 127.0.0.1 is held by " in problem
    assert me in problem
    assert problem in gateway.log_text()
    # So it is where Linux took the port for an outgoing connection.
    with (
        socket.create_server(("127.0.0.1", 0)) as far,
        socket.create_connection(far.getsockname(), source_address=place),
        pytest.raises(RefusedError, match=re.escape(me)),
    ):
        agent.client.claim("127.0.0.1")
    assert agent.client.claim("127.0.0.2").holder == "none"
    assert len(gateway.status().problems) == 1, "another slot is another matter"
    assert agent.client.claim("127.0.0.1").holder == "none"
    assert gateway.status().problems == ()
    with socket.create_server(place), pytest.raises(RefusedError):
        agent.client.claim("127.0.0.1")
    assert len(gateway.status().problems) == 1
    gateway.do("revoke", str(agent.id))
    assert gateway.status().problems == ()


def test_a_service_that_is_added_gets_a_port_and_is_reached(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    agent = gateway.register(WEB)
    key = element(gateway, str(agent.id))
    answer = agent.client.set_services([("shop", Kind.HTTP), WEB])
    ports = {each.name: each.port for each in answer.services}
    assert ports["web"] == agent.ports["web"]
    agent.ports = ports
    with agent.lane({"shop": http_app.port, "web": http_app.port}):
        wait_until(lambda: ask(gateway, agent, key, "shop").status == 200, what="the shop")


def test_what_could_not_be_put_in_force_is_when_it_can(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    agent = gateway.register(WEB)
    keys = gateway.directory / "run" / "authorized_keys"
    keys.unlink()
    keys.mkdir()  # can't be replaced by a file
    wanted = [WEB, ("late", Kind.HTTP)]
    for _ in range(2):  # the second changes nothing in the registry, and is refused all the same
        with pytest.raises(RefusedError) as refused:
            agent.client.set_services(wanted)
        assert refused.value.slug == Slug.UNAVAILABLE
    keys.rmdir()
    answer = agent.client.set_services(wanted)
    agent.ports = {each.name: each.port for each in answer.services}
    with agent.lane({"web": http_app.port, "late": http_app.port}):
        wait_until(lambda: gateway.agent(agent.id).state == "active", what="active")


def test_what_was_changed_is_in_the_audit_log_though_it_is_not_in_force_yet(
    gateway: GatewayLab,
) -> None:
    one, other = gateway.register(WEB), gateway.register(WEB)
    new = LabAgent(gateway, gateway.do("invite"), (WEB,), register=False)
    before = gateway.audit()
    keys = gateway.directory / "run" / "authorized_keys"
    keys.unlink()
    keys.mkdir()  # can't be replaced by a file
    for call in (
        new.join_gateway,
        lambda: one.client.set_services([("late", Kind.HTTP)]),
        lambda: one.client.propose_key(public(one.new_key("next"))),
        other.client.unregister,
    ):
        with pytest.raises(RefusedError) as refused:
            call()
        assert refused.value.slug == Slug.UNAVAILABLE
    said = [json.loads(line) for line in gateway.audit().removeprefix(before).splitlines()]
    keys.rmdir()
    assert new.join_gateway().services
    wanted = [
        ("registered", new.id),
        ("services-set", one.id),
        ("key-proposed", one.id),
        ("unregistered", other.id),
    ]
    found = [(each["act"], each.get("registration")) for each in said]
    assert [each for each in found if each[0] in dict(wanted)] == wanted


def test_a_key_is_rotated_without_a_way_back(gateway: GatewayLab, http_app: HttpApp) -> None:
    agent = gateway.register(WEB)
    caller = element(gateway, str(agent.id))
    new = agent.new_key("next")
    with agent.lane({"web": http_app.port}) as old:
        until(gateway, agent, caller, 200)
        assert agent.client.propose_key(public(new)).state == "proposed"
        assert gateway.agent(agent.id).rotating
        with agent.lane({"web": http_app.port}, slot="127.0.0.2", key=new):
            assert old.wait(timeout=15) == 255, "the lane of the old key is ended"
            assert until(gateway, agent, caller, 200)
            assert agent.client.propose_key(public(new)).state == "proven"
    with agent.lane({"web": http_app.port}) as lane:
        assert lane.wait(timeout=10) == 255


def test_a_key_that_was_proposed_can_be_taken_back(gateway: GatewayLab, http_app: HttpApp) -> None:
    agent = gateway.register(WEB)
    new = agent.new_key("next")
    with agent.lane({"web": http_app.port}) as old:
        wait_until(lambda: gateway.agent(agent.id).state == "active", what="active")
        assert agent.client.propose_key(public(new)).state == "proposed"
        assert agent.client.propose_key(public(agent.key)).state == "proven"
        assert not gateway.agent(agent.id).rotating
        assert f'"act":"key-withdrawn","registration":{agent.id}' in gateway.audit()
        with agent.lane({"web": http_app.port}, slot="127.0.0.2", key=new) as lane:
            assert lane.wait(timeout=15) == 255
        assert agent.client.propose_key(public(agent.key)).state == "proven", "as often as it likes"
        assert old.poll() is None


def test_what_an_agent_tells_is_shown(gateway: GatewayLab, http_app: HttpApp) -> None:
    agent = gateway.register(WEB)
    lane = LaneReport(slot="127.0.0.1", state="ready", round_trip=0.012)
    down = ServiceReport(name="web", application="down", detail="refused")
    with agent.lane({"web": http_app.port}):
        wait_until(lambda: gateway.agent(agent.id).state == "active", what="active")
        answer = agent.client.heartbeat(
            HeartbeatRequest(
                version="9.9", time=time.time() - 3600, lanes=(lane,), services=(down,)
            )
        )
        assert answer.keys == (public(agent.key),)
        view = gateway.agent(agent.id)
        assert (view.state, view.version) == ("degraded", "9.9")
        assert view.services[0].lights.application.detail == "refused"
        assert view.lanes[0].round_trip == 0.012
        assert view.clock_skew == pytest.approx(-3600, abs=30)
        told = gateway.do("agents").splitlines()
    [mine] = [line.split() for line in told if line.startswith(f"{agent.id} ")]
    assert (mine[2], mine[5]) == ("degraded", "9.9")
    [web] = [line for line in told if f" at port {agent.ports['web']}: " in line]
    assert "ssh ✓ " in web
    assert "application ✗ " in web


def test_an_unregistered_agent_is_gone(gateway: GatewayLab, http_app: HttpApp) -> None:
    agent = gateway.register(WEB)
    key = element(gateway, str(agent.id))
    with agent.lane({"web": http_app.port}) as lane:
        until(gateway, agent, key, 200)
        assert agent.client.unregister().registration == agent.id
        lane.wait(timeout=20)
    until(gateway, agent, key, 404)  # the router is told a moment later
    with pytest.raises(RefusedError) as refused:
        agent.client.unregister()
    assert refused.value.slug == Slug.UNAUTHORIZED


def test_figures_for_prometheus(gateway: GatewayLab) -> None:
    host, _, port = gateway.status().addresses["metrics"].rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    assert 'ground2cloud_child_up{name="sshd"} 1.0' in text
    assert 'ground2cloud_registrations{state="active"}' in text


def test_the_status_says_what_runs_where(gateway: GatewayLab) -> None:
    text = gateway.do("status")
    assert f"127.0.0.1:{gateway.ssh_port}" in text
    assert "sshd" in text
    assert json.loads(gateway.do("status", "--json"))["children"][1]["state"] == "ready"


def test_killed_programs_come_back(gateway: GatewayLab, http_app: HttpApp) -> None:
    agent = gateway.register(WEB)
    key = element(gateway, str(agent.id))
    with agent.lane({"web": http_app.port}):
        until(gateway, agent, key, 200)
        killed = {child.pid for child in gateway.status().children}
        for pid in killed:
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        wait_until(
            lambda: killed.isdisjoint(child.pid for child in gateway.status().children),
            what="their ends noticed",
        )
        gateway.wait_ready()
        assert until(gateway, agent, key, 200), "the lane outlived its listener"
        again = gateway.register(WEB)
        assert again.id > agent.id
