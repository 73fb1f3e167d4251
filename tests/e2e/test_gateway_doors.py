"""Other ways through a whole gateway: HTTPS, SSH on the port of HTTPS, plain tunnel ports."""

import http.client
import json
import re
import socket
import ssl
import tomllib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import tomli_w

from ground2cloud.config.model import Kind
from tests.lab import listener
from tests.lab.agent import Agent
from tests.lab.calling import WEB, calling, change, do, register
from tests.lab.gateway import DOMAIN, GatewayLab
from tests.lab.httpapp import HttpApp
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.processes import run
from tests.lab.waiting import wait_until

PLAIN, ALLOWED, OTHER = "127.0.0.99", "127.0.0.40", "127.0.0.41"


def make_certificate(directory: Path) -> Path:
    """Make a certificate for 127.0.0.1 with its key, in one file."""
    key, certificate, both = (directory / name for name in ("key", "cert", "router.new"))
    run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-subj", "/CN=gateway", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
        "-keyout", str(key), "-out", str(certificate),
    )  # fmt: skip
    both.write_text(certificate.read_text() + key.read_text())
    return both.replace(directory / "router.pem")


def https(port: int, certificate: Path, words: dict[str, str]) -> tuple[int, str, str]:
    """Ask over HTTPS, trusting this certificate alone; answer status, error and body."""
    context = ssl.create_default_context(cafile=certificate)
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    try:
        fields = {name.replace("_", "-"): value for name, value in words.items()}
        connection.request("GET", "/", headers={"Host": DOMAIN, **fields})
        answer = connection.getresponse()
        error = answer.headers.get("Ground2Cloud-Error", "")
        return answer.status, error, answer.read().decode()
    finally:
        connection.close()


def shown(port: int) -> str:
    """Return the certificate that is shown there."""
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=10)


@pytest.fixture
def agent(http_app: HttpApp) -> Iterator[Agent]:
    """An agent, not registered and not started, that offers `http_app` as `web`."""
    with short_directory() as directory:
        config = directory / "agent.toml"
        here = {"host": "127.0.0.1", "port": http_app.port}
        tables = {
            "service": [{"name": "web", "kind": "http", **here}],
            "log": {"file": str(directory / "agent.log")},
            "paths": {"state": str(directory / "state"), "run": str(directory / "run")},
            "api": {"listen": "127.0.0.1:0"},
        }
        config.write_text(tomli_w.dumps(tables))
        running = Agent(config)
        yield running
        running.kill()


def test_https_with_a_given_certificate_and_with_the_one_that_follows_it(
    short_dir: Path, http_app: HttpApp
) -> None:
    certificate, port = make_certificate(short_dir), free_port()
    router = {"certificate": certificate.name, "https_port": port}
    with GatewayLab(short_dir, router=router) as gateway:
        with calling(gateway, http_app) as (caller, _):
            assert https(port, certificate, caller.words) == (200, "", "hello from app\n")
            without = {"Ground2Cloud_Route": caller.words["Ground2Cloud_Route"]}
            assert https(port, certificate, without)[:2] == (401, "no-key")
            assert caller.is_answered(), "HTTP goes on beside it"
            before = shown(port)
            make_certificate(short_dir)
            wait_until(lambda: shown(port) != before, what="the new certificate")
            # The worker before still takes a connection or two.
            wait_until(
                lambda: https(port, certificate, caller.words)[0] == 200,
                what="an answer under the new certificate",
            )
            good = certificate.read_text()
            certificate.write_text("-----BEGIN NOTHING-----\n")
            wait_until(lambda: "keeps the certificate" in gateway.log_text(), what="it is told")
            assert shown(port) in good
            [told] = gateway.status().problems
            assert "keeps the certificate" in told
            certificate.write_text(good)
            wait_until(lambda: not gateway.status().problems, what="it is good again")
        assert all(child.restarts == 0 for child in gateway.status().children)


def test_an_agent_gets_in_through_the_port_of_https_where_that_of_ssh_is_blocked(
    short_dir: Path, agent: Agent
) -> None:
    certificate, shared, blocked = make_certificate(short_dir), free_port(), free_port()
    router = {
        "certificate": certificate.name,
        "https_port": shared,
        "ssh_on_https_port": True,
    }
    ssh = {"endpoints": [f"127.0.0.1:{blocked}"]}
    with GatewayLab(short_dir, router=router, ssh=ssh) as gateway:
        _, join = do(gateway, "invite")
        done = agent.cli("register", join)
        assert done.returncode == 0, done.stderr
        identity = tomllib.loads((agent.config.parent / "state" / "identity.toml").read_text())
        assert [each["port"] for each in identity["endpoint"]] == [blocked, shared]
        number = identity["registration"]
        _, key = do(gateway, "element", "add", "caller", "--grant", str(number))
        words = {"Ground2Cloud_Route": f"{number}/web", "Ground2Cloud_Key": key}
        agent.start()
        wait_until(
            lambda: https(shared, certificate, words) == (200, "", "hello from app\n"),
            timeout=30,
            what="the application by HTTPS",
        )
        agent.wait_ready()
        assert f"next endpoint, 127.0.0.1:{shared}" in agent.log_text()
        [lane] = agent.ssh_pids()
        reached = {each.raddr.port for each in psutil.Process(lane).net_connections() if each.raddr}
        assert shared in reached
        assert https(shared, certificate, {**words, "Ground2Cloud_Key": "x"})[1] == "wrong-key"

        before = agent.status().lanes[0]
        change(gateway, router={"max_connections": 4321})
        assert do(gateway, "reload")[0] == 0
        assert https(shared, certificate, words)[0] == 200
        assert agent.ssh_pids() == [lane], "a reload of the router leaves lanes through it alone"
        after = agent.status().lanes[0]
        assert (after.pid, after.restarts, after.state) == (lane, before.restarts, "ready")
        told = gateway.cli("restart")
        assert told.returncode == 0, told.stderr
        assert f"lanes through port {shared} ended" in told.stdout
        wait_until(lambda: agent.ssh_pids() not in ([], [lane]), what="another lane")


def says_nothing(connection: socket.socket) -> None:
    """Listen to the end."""
    while connection.recv(65536):
        pass


def plain(port: int, source: str) -> str:
    """Ask on a tunnel port itself, coming from this address."""
    connection = http.client.HTTPConnection(PLAIN, port, timeout=10, source_address=(source, 0))
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    except http.client.HTTPException as error:
        raise ConnectionError(repr(error)) from error
    finally:
        connection.close()


def is_refused(port: int, source: str) -> bool:
    """Whether a caller from this address gets nothing."""
    try:
        plain(port, source)
    except OSError as error:
        return re.search("closed|reset", str(error)) is not None
    return False


def test_tunnel_ports_as_they_are_for_named_networks_alone(
    short_dir: Path, http_app: HttpApp
) -> None:
    tables = {"listen": PLAIN, "sources": [f"{ALLOWED}/32"]}
    with GatewayLab(short_dir, plain=tables) as gateway, calling(gateway, http_app) as (caller, _):
        first = caller.agent.ports["web"]
        wait_until(lambda: plain(first, ALLOWED) == "hello from app\n", what="the first service")
        with pytest.raises(OSError, match=r"closed|reset"):
            plain(first, OTHER)
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((PLAIN, gateway.http_port), 10)

        with socket.create_connection((PLAIN, first), 10, (ALLOWED, 0)) as held:
            # Another service comes: it is there without a restart, and nobody is cut off for it.
            later = register(gateway)
            port = later.ports["web"]
            with later.lane({"web": http_app.port}):
                wait_until(lambda: plain(port, ALLOWED) == "hello from app\n", what="the second")
            held.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert held.recv(100).startswith(b"HTTP/1.1 200")
        assert gateway.agent(later.id).services[0].requests, "they are counted like all others"
        do(gateway, "revoke", str(later.id))
        with pytest.raises(OSError, match=r"closed|reset|refused"):
            plain(port, ALLOWED)

        change(gateway, plain={"sources": [f"{OTHER}/32"]})
        assert do(gateway, "reload")[0] == 0
        # The worker before still takes a connection or two.
        wait_until(lambda: plain(first, OTHER) == "hello from app\n", what="the other network")
        wait_until(lambda: is_refused(first, ALLOWED), what="the network before refused")
        assert all(child.restarts == 0 for child in gateway.status().children)


def test_a_tunnel_port_that_another_program_has_there_costs_the_others_nothing(
    short_dir: Path, http_app: HttpApp
) -> None:
    with GatewayLab(short_dir, plain={"listen": PLAIN, "sources": ["127.0.0.0/8"]}) as gateway:
        first = tomllib.loads(gateway.config.read_text())["tunnels"]["first_port"]
        with socket.create_server((PLAIN, first)), calling(gateway, http_app) as (caller, _):
            assert caller.agent.ports["web"] == first
            wait_until(lambda: f"{PLAIN}:{first} is taken" in gateway.log_text(), what="told")
            later = register(gateway)
            with later.lane({"web": http_app.port}):
                port = later.ports["web"]
                wait_until(lambda: plain(port, ALLOWED) == "hello from app\n", what="the other")
            assert caller.is_answered()


def test_without_being_asked_for_nothing_but_the_lanes_has_a_tunnel_port(
    short_dir: Path, http_app: HttpApp
) -> None:
    with GatewayLab(short_dir) as gateway, calling(gateway, http_app) as (caller, _):
        port = caller.agent.ports["web"]
        listening = [
            each.laddr.ip
            for each in psutil.net_connections("tcp")
            if each.status == psutil.CONN_LISTEN and each.laddr.port == port
        ]
        assert listening == ["127.0.0.1"]
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((PLAIN, port), 10)


def test_an_application_that_is_silent_is_a_504_and_one_that_is_gone_a_502(
    short_dir: Path,
) -> None:
    quick = {"application_timeout": 1}
    with (
        GatewayLab(short_dir, router=quick) as gateway,
        listener.standing(says_nothing) as silent,
    ):
        agent = gateway.register(WEB, ("gone", Kind.HTTP))
        _, key = do(gateway, "element", "add", "caller", "--grant", str(agent.id))

        def ask(service: str) -> tuple[int, str, str]:
            route = f"{agent.id}/{service}"
            return gateway.request(Ground2Cloud_Route=route, Ground2Cloud_Key=key)

        assert ask("web")[:2] == (503, "tunnel-down")
        with agent.lane({"web": silent, "gone": free_port()}):
            wait_until(lambda: ask("web")[0] == 504, what="the end of patience")
            status, error, body = ask("web")
            assert (status, error) == (504, "application-timeout")
            assert json.loads(body)["error"] == "application-timeout"
            assert ask("gone")[:2] == (502, "application-unreachable")
        wait_until(lambda: ask("web")[:2] == (503, "tunnel-down"), what="the lane gone")
