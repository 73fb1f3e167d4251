"""What somebody hostile tries on the backchannel of a whole gateway; sshd's part is in `guards`."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from requests import Response as Answer

from ground2cloud.backchannel import wire
from ground2cloud.backchannel.calls import CALLS, KEY, Call
from ground2cloud.backchannel.errors import Slug
from ground2cloud.backchannel.messages import Authority, HeartbeatRequest
from ground2cloud.backchannel.tls import Certificates
from ground2cloud.cli import main
from ground2cloud.config.join import decode, encode
from ground2cloud.config.model import Kind
from ground2cloud.core.clock import wall
from ground2cloud.registry.records import Invite, Registration
from tests.lab.flooding import flooding
from tests.lab.gateway import GatewayLab, LabAgent, public
from tests.lab.joined import Application, unregistered
from tests.lab.liar import NAMES, http, lying, saying
from tests.lab.places import short_directory
from tests.lab.sources import new_source, session_from
from tests.lab.victim import WEB, Place, with_victim
from tests.lab.waiting import wait_until

SELF = "/v1/registrations/self"
OF_AGENTS = [call for call in CALLS if call.bearer == "agent"]
BODIES = {
    "set-services": {"services": [{"name": "web", "kind": "http"}]},
    "claim": {},
    "heartbeat": {"version": "1", "time": 0},
    "probe": {"slot": "127.0.0.1", "nonce": "n" * 8},
    "propose-key": {"key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "B" * 43},
}


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with with_victim() as running:
        yield running


def send(place: Place, method: str, path: str, token: str, body: object = None) -> Answer:
    """Send something that no honest client would."""
    with session_from(new_source()) as session:
        return session.request(
            method,
            f"https://127.0.0.1:{place.gateway.backchannel_port}{path}",
            headers={"Authorization": f"Bearer {token}"},
            json=body,
            verify=str(place.authority),
            timeout=30,
        )


@pytest.fixture
def hostile(place: Place) -> Iterator[LabAgent]:
    """A registered agent that means harm; in the end the victim has noticed nothing."""
    before = known(place)
    yield place.gateway.register(WEB)
    assert known(place) == before
    assert place.call().status == 200
    assert len(place.gateway.agent(place.victim.id).lanes) == 1


def known(place: Place) -> Registration:
    """What stands in the registry of the victim, without what the gateway notes now and then."""
    found = place.registry.registration(place.victim.id)
    return replace(found, seen_at=None, version=None, address=None, last_error=None)


def refused(slug: Slug, answer: Answer) -> None:
    assert answer.json()["error"] == slug, answer.text


def ask(place: Place, call: Call, token: str) -> Answer:
    """Make a call that is as it should be, with this token."""
    path = call.path.replace("{slot}", "127.0.0.1")
    return send(place, call.method, path, token, BODIES.get(call.name))


def test_an_agents_token_reaches_its_own_registration_only(place: Place, hostile: LabAgent) -> None:
    token, other = hostile.request.token, place.victim.id
    names = {
        "registration": other,
        "id": other,
        "self": other,
        "token": place.victim.request.token,
    }
    wanted = {"services": [{"name": "db", "kind": "mysql", "port": place.victim.ports["web"]}]}
    [given] = send(place, "PUT", f"{SELF}/services", token, wanted | names).json()["services"]
    assert given["port"] not in place.victim.ports.values()
    for method, end in (("PUT", "/services"), ("DELETE", ""), ("PUT", "/key")):
        answer = send(place, method, f"/v1/registrations/{other}{end}", token, wanted | names)
        assert answer.status_code in {404, 405}
    assert hostile.client.claim("127.0.0.1").holder == "none"
    answer = send(place, "PUT", f"{SELF}/key", token, names | {"key": public(place.victim.key)})
    refused(Slug.KEY_TAKEN, answer)
    gone = send(place, "DELETE", f"{SELF}?registration={other}", token, names)
    assert gone.json() == {"registration": hostile.id}


def test_nobody_registers_with_anothers_token_or_key(place: Place, hostile: LabAgent) -> None:
    join = decode(place.gateway.do("invite"))
    theirs = place.victim.request
    new_key = public(hostile.new_key("new"))
    before = place.written()
    for changes, slug in (
        ({"key": new_key, "token": theirs.token}, Slug.CONFLICT),
        ({"key": theirs.key, "token": "n" * 43}, Slug.KEY_TAKEN),
        ({"key": theirs.key, "token": theirs.token}, Slug.CONFLICT),
    ):
        body = {"services": [], **changes}
        refused(slug, send(place, "POST", "/v1/registrations", join.token, body))
    assert place.written() == before
    assert place.gateway.register(WEB, join=encode(join)).id > hostile.id


def test_a_token_is_good_for_its_own_purpose_only(place: Place, hostile: LabAgent) -> None:
    join = decode(place.gateway.do("invite"))
    before = place.written()
    for call in OF_AGENTS:
        refused(Slug.UNAUTHORIZED, ask(place, call, join.token))
    body = {"services": [], "key": public(hostile.new_key("new")), "token": "n" * 43}
    for token in (hostile.request.token, place.victim.request.token):
        refused(Slug.JOIN_UNKNOWN, send(place, "POST", "/v1/registrations", token, body))
    assert place.written() == before


def test_a_join_string_that_was_used_makes_nothing_again(place: Place, hostile: LabAgent) -> None:
    """Neither for a thief nor for its own agent, once its registration is over."""
    whole = {"services": [{"name": "web", "kind": "http"}], "name": "lab", "version": "0.0.1"}
    same = whole | {"key": hostile.request.key, "token": hostile.request.token}
    mine = hostile.join.token
    before = place.written()
    again = send(place, "POST", "/v1/registrations", mine, same)
    assert again.json()["registration"] == hostile.id, "an answer that was lost is given again"
    new_key = public(hostile.new_key("new"))
    for thief in (same | {"token": "n" * 43}, same | {"key": new_key}):
        refused(Slug.JOIN_USED, send(place, "POST", "/v1/registrations", mine, thief))
    assert place.written() == before
    hostile.client.unregister()
    before = place.written()
    refused(Slug.JOIN_USED, send(place, "POST", "/v1/registrations", mine, same))
    assert place.written() == before


def test_a_join_string_that_is_over_makes_nothing(place: Place, hostile: LabAgent) -> None:
    invite = Invite(None, (), wall() - 1)
    over = place.registry.invite(invite, wall() - 60)
    body = {"services": [], "key": public(hostile.new_key("new")), "token": "n" * 43}
    before = place.written()
    refused(Slug.JOIN_EXPIRED, send(place, "POST", "/v1/registrations", over, body))
    renewing = place.registry.invite(replace(invite, expires_at=wall() + 60, renews=hostile.id), 0)
    place.gateway.do("revoke", str(hostile.id))
    before = place.written()
    refused(Slug.REVOKED, send(place, "POST", "/v1/registrations", renewing, body))
    assert place.written() == before


@pytest.mark.parametrize("how", ["revoked", "unregistered"])
def test_the_token_of_a_registration_that_is_over_opens_nothing(
    place: Place, hostile: LabAgent, how: str
) -> None:
    if how == "revoked":
        place.gateway.do("revoke", str(hostile.id))
    else:
        hostile.client.unregister()
    before = place.written()
    slug = Slug.REVOKED if how == "revoked" else Slug.UNAUTHORIZED
    for call in OF_AGENTS:
        refused(slug, ask(place, call, hostile.request.token))
    assert place.written() == before


@pytest.mark.parametrize("shown", ["a forged CA", "the true CA, without its key"])
def test_an_agent_gives_nothing_to_a_gateway_that_is_forged(
    place: Place, tmp_path: Path, shown: str
) -> None:
    """Who is in between has its own CA, or copies the true one but can't answer for it."""
    forged = Certificates(tmp_path / "forged", NAMES, wall())
    text = forged.authority if shown == "a forged CA" else place.authority.read_text()
    answer = saying(http(msgspec.json.encode(Authority(certificate=text))))
    with short_directory() as directory, lying(forged.context, answer) as (port, requested):
        agent = unregistered(directory, {"web": Application(Kind.HTTP, 1)})
        join = replace(decode(place.gateway.do("invite")), port=port)
        assert main(["register", encode(join), "--config", str(agent.config)]) == 1
        assert not (directory / "state" / "identity.toml").exists()
    assert requested
    assert all(b"authorization" not in each.lower() for each in requested)
    assert all(join.token.encode() not in each for each in requested)


@pytest.mark.parametrize(
    "call", [call for call in OF_AGENTS if call.request], ids=lambda it: it.name
)
def test_who_had_a_registration_before_a_renewal_can_do_nothing_with_a_call_it_has_begun(
    place: Place, hostile: LabAgent, call: Call
) -> None:
    """Its token was good when the head of the call came; the body comes when it is not any more."""
    key = public(hostile.new_key("next"))
    body = msgspec.json.encode(BODIES[call.name] | ({"key": key} if call is KEY else {}))
    join = place.gateway.do("invite", "--renew", str(hostile.id))
    with begun(place, call, hostile.request.token, len(body)) as connection:
        assert place.gateway.register(WEB, join=join).id == hostile.id
        before = place.written()
        connection.sendall(body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.split()[1] in {b"401", b"503"}, answer
    assert place.written() == before
    refused(Slug.UNAUTHORIZED, ask(place, call, hostile.request.token))


@contextlib.contextmanager
def begun(place: Place, call: Call, token: str, length: int) -> Iterator[ssl.SSLSocket]:
    """Send the head of a call, and wait until the gateway asks for the body."""
    path = call.path.replace("{slot}", "127.0.0.1")
    head = (
        f"{call.method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    context = wire.trust(place.authority.read_text())
    address = ("127.0.0.1", place.gateway.backchannel_port)
    with (
        socket.create_connection(address, timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        secure.sendall(head.encode())
        assert secure.recv(100).startswith(b"HTTP/1.1 100")
        yield secure


def test_strangers_who_hold_connections_use_up_no_files_of_the_gateway(short_dir: Path) -> None:
    """More places in the sum of all addresses than there are files, and nobody would get in."""
    few = GatewayLab(short_dir, backchannel={"listen": ["127.0.0.1", "127.0.0.2"]})
    few._run_argv = ("prlimit", "--nofile=400", *few._run_argv)
    with few as gateway:
        agent = gateway.register(WEB)
        addresses = [(f"127.0.0.{1 + number % 2}", few.backchannel_port) for number in range(600)]
        with flooding(addresses) as flood:
            wait_until(lambda: flood.left < 200, timeout=30, what="strangers give way to strangers")
            assert flood.left > 100
            for _ in range(5):
                assert agent.client.heartbeat(HeartbeatRequest(version="1", time=0)).keys
            assert gateway.status().counts
            assert len(list(Path(f"/proc/{gateway.pid}/fd").iterdir())) < 300
            assert gateway.register(WEB).id > agent.id
