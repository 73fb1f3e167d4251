"""A hostile agent against the gateway's sshd: what its key does not name it does not get."""

import asyncio
import contextlib
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from ground2cloud.openssh.sshd.events import Denied, Refused
from tests.e2e.gateway_sshd import LOCAL, SLOTS, GatewaySshd, gateway_sshd
from tests.lab.httpapp import HttpApp
from tests.lab.ports import free_port, free_ports
from tests.lab.processes import end_child, run
from tests.lab.waiting import eventually, http_get

STRANGER = "127.0.0.9"


@pytest.fixture
async def gateway() -> AsyncIterator[GatewaySshd]:
    async with gateway_sshd() as running:
        yield running


@pytest.fixture
def ports(gateway: GatewaySshd) -> tuple[int, int]:
    """Return the ports of 1001, the hostile one (two slots only), and of 1002."""
    mine, theirs = free_ports(2)
    gateway.register(1001, [mine], slots=SLOTS[:2])
    gateway.register(1002, [theirs])
    return mine, theirs


class Counting(socket.socket):
    """A listening socket that notes whether anyone ever came."""

    came = False


@contextlib.contextmanager
def trap() -> Iterator[Counting]:
    """Listen where the hostile agent wants to go, and see whether it arrives."""
    with Counting(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.bind((LOCAL, free_port()))
        server.listen()
        server.settimeout(30)

        def accept() -> None:
            with contextlib.suppress(OSError):
                server.accept()[0].close()
                server.came = True

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


async def test_it_gets_what_is_its_own(
    gateway: GatewaySshd, ports: tuple[int, int], http_app: HttpApp
) -> None:
    """Its port on its slots, and a session that echoes."""
    mine, _ = ports
    client = await gateway.lane(1001, SLOTS[1], {mine: http_app.port})
    assert http_get(mine, host=SLOTS[1]) == "hello from app\n"
    assert client.process.stdin is not None
    assert client.process.stdout is not None
    client.process.stdin.write(b"beat\n")
    client.process.stdin.flush()
    assert await asyncio.to_thread(client.process.stdout.readline) == b"beat\n"


SSHD = {"sshd", "sshd-session", "sshd-auth"}
"""The names of its processes; from 9.8 they are programs of their own."""

PLACES = (
    "127.0.0.1:{theirs}",
    "127.0.0.3:{mine}",
    "0.0.0.0:{mine}",
    "*:{mine}",
    ":{mine}",
    "{mine}",
    "localhost:{mine}",
    "[::1]:{mine}",
    "127.0.0.01:{mine}",
    "127.1:{mine}",
    "127.0.0.1:{free}",
    "127.0.0.1:0",
    "0",
)


@pytest.mark.parametrize("places", [PLACES[::2], PLACES[1::2]], ids=["even", "odd"])
async def test_other_places_to_listen(
    gateway: GatewaySshd, ports: tuple[int, int], places: tuple[str, ...]
) -> None:
    """Another's port, another slot, all addresses, other spellings, any port: all are refused."""
    mine, theirs = ports
    for place in places:
        gateway.events.clear()
        where = place.format(mine=mine, theirs=theirs, free=free_port())
        words = await asyncio.to_thread(gateway.refuse, 1001, "-N", "-R", f"{where}:{LOCAL}:9")
        assert "remote port forwarding failed" in words, place
        await eventually(
            lambda: any(isinstance(e, Denied) and e.what == "listen" for e in gateway.events),
            what=f"the gateway hears of {place}",
        )


async def test_a_socks_port_on_the_gateway(gateway: GatewaySshd, ports: tuple[int, int]) -> None:
    """`-R port` alone (remote dynamic forward) needs a port that is permitted, too."""
    _, theirs = ports
    assert "failed" in gateway.refuse(1001, "-N", "-R", f"{LOCAL}:{theirs}")


async def test_a_unix_socket_to_listen_on(gateway: GatewaySshd, ports: tuple[int, int]) -> None:
    del ports
    path = gateway.directory / "evil.sock"
    assert "failed" in gateway.refuse(1001, "-N", "-R", f"{path}:{LOCAL}:9")
    assert not path.exists()


async def test_no_way_into_the_gateways_network(
    gateway: GatewaySshd, ports: tuple[int, int]
) -> None:
    """With a local forward nothing on the gateway can be reached."""
    del ports
    local = free_port()
    with trap() as server:
        gateway.dial(1001, "-L", f"{LOCAL}:{local}:{LOCAL}:{server.getsockname()[1]}")
        await nothing_comes(local)
        assert not server.came
    await eventually(
        lambda: any(isinstance(e, Denied) and e.what == "connect" for e in gateway.events),
        what="the gateway hears of it",
    )


async def test_no_socks_proxy(gateway: GatewaySshd, ports: tuple[int, int]) -> None:
    del ports
    local = free_port()
    with trap() as server:
        gateway.dial(1001, "-D", f"{LOCAL}:{local}")
        port = server.getsockname()[1].to_bytes(2, "big")
        request = b"\x05\x01\x00" + b"\x05\x01\x00\x01" + socket.inet_aton(LOCAL) + port
        answer = await nothing_comes(local, request)
        assert answer[:2] == b"\x05\x00"  # ssh itself speaks SOCKS; the gateway refuses the rest
        assert not server.came
    await eventually(
        lambda: any(isinstance(e, Denied) and e.what == "connect" for e in gateway.events),
        what="the gateway hears of it",
    )


async def test_no_connection_through_the_gateway(
    gateway: GatewaySshd, ports: tuple[int, int]
) -> None:
    """`-W`, as with a jump host, is refused."""
    del ports
    with trap() as server:
        words = gateway.refuse(1001, "-W", f"{LOCAL}:{server.getsockname()[1]}")
        assert "administratively prohibited" in words
        assert not server.came


async def test_no_unix_socket_of_the_gateway(gateway: GatewaySshd, ports: tuple[int, int]) -> None:
    del ports
    local, path = free_port(), gateway.directory / "private.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen()
        gateway.dial(1001, "-L", f"{LOCAL}:{local}:{path}")
        await nothing_comes(local)
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("command", ["sh", "touch {evil}", "exec cat; touch {evil}", ""])
async def test_no_command_but_the_echo(
    gateway: GatewaySshd, ports: tuple[int, int], command: str
) -> None:
    del ports
    evil = gateway.directory / "evil"
    client = gateway.dial(1001, command=command.format(evil=evil))
    out, _ = await asyncio.to_thread(
        client.process.communicate, f"touch {evil}\n".encode(), timeout=20
    )
    assert out == f"touch {evil}\n".encode()
    assert not evil.exists()


async def test_no_environment(gateway: GatewaySshd, ports: tuple[int, int]) -> None:
    """A client can't set a variable (LD_PRELOAD, say) for the one command that runs."""
    del ports
    gateway.dial(1001, "-o", "SetEnv=LD_PRELOAD=/evil.so LC_EVIL=1", "-o", "SendEnv=*")
    (cat,) = await eventually(lambda: commands(gateway), what="the session's command runs")
    environment = psutil.Process(cat).environ()
    assert not {"LD_PRELOAD", "LC_EVIL"} & set(environment)
    assert environment["HOME"] == str(gateway.directory)


async def test_no_terminal(gateway: GatewaySshd, ports: tuple[int, int]) -> None:
    del ports
    client = gateway.dial(1001, "-tt")
    assert await client.ended() == 255
    assert "PTY allocation request failed" in client.words


def scp(gateway: GatewaySshd, protocol: str, target: Path) -> list[str]:
    """The command that copies a file to the gateway."""
    options = [*gateway.ssh(1001)[1:-3], "-P", str(gateway.port)]
    return [
        "scp",
        protocol,
        *options,
        str(gateway.directory / "1001"),
        f"{gateway.user}@{LOCAL}:{target}",
    ]


async def test_no_sftp(gateway: GatewaySshd, ports: tuple[int, int]) -> None:
    del ports
    evil = gateway.directory / "evil"
    argv = scp(gateway, "-s", evil)
    done = subprocess.run(argv, capture_output=True, timeout=40, check=False)
    assert done.returncode == 255
    assert b"subsystem request failed" in done.stderr
    assert not evil.exists()


async def test_no_scp(gateway: GatewaySshd, ports: tuple[int, int]) -> None:
    """Its old protocol runs a command there, which is none: what it says comes back."""
    del ports
    evil = gateway.directory / "evil"
    argv = scp(gateway, "-O", evil)
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as copying:
        try:
            await eventually(lambda: commands(gateway), what="the session's command runs")
            below = psutil.Process(gateway.pid).children(recursive=True)
            assert {process.name() for process in below} - SSHD == {"cat"}
        finally:
            copying.kill()  # it waits for ever for an answer that is none
    await eventually(lambda: not commands(gateway), what="the session is over")
    assert not evil.exists()


async def test_no_agent_and_no_x11(
    gateway: GatewaySshd, ports: tuple[int, int], tmp_path: Path
) -> None:
    """A real ssh agent and a display are offered; the session's command gets to see neither."""
    del ports
    listening = gateway.directory / "agent.sock"
    (tmp_path / "xauth").touch()
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(listening)], stdout=subprocess.DEVNULL)
    try:
        await eventually(listening.exists, what="the ssh agent listens")
        gateway.dial(
            1001,
            "-A",
            "-X",
            "-o",
            f"IdentityAgent={listening}",
            "-o",
            "XAuthLocation=/bin/false",
        )
        (cat,) = await eventually(lambda: commands(gateway), what="the session's command runs")
        environment = psutil.Process(cat).environ()
        assert not {"SSH_AUTH_SOCK", "DISPLAY"} & set(environment)
    finally:
        end_child(agent)


async def test_one_session_only(gateway: GatewaySshd, ports: tuple[int, int]) -> None:
    """A connection can't run one echo after the other beside it."""
    del ports
    path = gateway.directory / "mux"
    gateway.dial(1001, "-o", "ControlMaster=yes", "-o", f"ControlPath={path}")
    await eventually(lambda: commands(gateway), what="the first session runs")
    second = gateway.ssh(1001, "-o", "ControlMaster=no", "-o", f"ControlPath={path}", "-T")
    # Refused, ssh would try with a connection of its own; to a port where there is nobody.
    second[second.index("-p") + 1] = str(free_port())
    done = subprocess.run(
        second, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
    )
    assert done.returncode == 255
    assert b"Session open refused by peer" in done.stderr
    assert len(commands(gateway)) == 1


async def test_a_stranger_and_another_account(gateway: GatewaySshd, ports: tuple[int, int]) -> None:
    """An unknown key is refused, and a known key at any other account."""
    del ports
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(gateway.directory / "9"))
    assert "Permission denied" in gateway.refuse(9, "-N")
    await eventually(
        lambda: any(isinstance(e, Refused) for e in gateway.events), what="the gateway hears of it"
    )
    for user in ("nobody", "daemon", "root"):
        if user != gateway.user:
            argv = gateway.ssh(1001, "-N", user=user)
            done = subprocess.run(argv, capture_output=True, timeout=20, check=False)
            assert b"Permission denied" in done.stderr


async def test_no_password(gateway: GatewaySshd, ports: tuple[int, int]) -> None:
    """Nothing but keys is offered."""
    del ports
    words = gateway.refuse(1001, "-N", "-o", "PubkeyAuthentication=no")
    assert "Permission denied (publickey)." in words


async def test_a_registration_without_services_may_only_echo(gateway: GatewaySshd) -> None:
    gateway.register(1003, [])
    port = free_port()
    assert "failed" in gateway.refuse(1003, "-N", "-R", f"{LOCAL}:{port}:{LOCAL}:9")
    client = gateway.dial(1003)
    out, _ = await asyncio.to_thread(client.process.communicate, b"beat\n", timeout=20)
    assert out == b"beat\n"


async def test_a_host_that_is_not_the_gateway(gateway: GatewaySshd, ports: tuple[int, int]) -> None:
    """An agent that pins the CA of another gateway does not even offer its key here."""
    del ports
    async with gateway_sshd() as other:
        known = gateway.directory / "known_hosts"
        known.write_text((other.directory / "known_hosts").read_text())
        words = gateway.refuse(1001, "-N")
    assert "Host key verification failed" in words
    assert not any(isinstance(e, Refused) for e in gateway.events)


def commands(gateway: GatewaySshd) -> list[int]:
    """Return the processes of `cat` that sessions run."""
    found = []
    for process in psutil.Process(gateway.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.name() == "cat":
                found.append(process.pid)
    return found


async def nothing_comes(port: int, request: bytes = b"GET / HTTP/1.0\r\n\r\n") -> bytes:
    """Ask through a forward of the client's; answer all that came back until its end."""

    def ask() -> bytes | None:
        with socket.create_connection((LOCAL, port), timeout=5) as connection:
            connection.sendall(request)
            got = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := connection.recv(1024):
                    got += piece
            return got or b"\0"

    return (await eventually(ask, what="the client's port is open")).removeprefix(b"\0")


async def test_a_stranger_does_not_keep_agents_out() -> None:
    """Who connects and says nothing takes the logins of one address, and no others."""
    (port,) = free_ports(1)
    async with (
        gateway_sshd(max_startups=10, per_source=4) as gateway,
        contextlib.AsyncExitStack() as held,
    ):
        gateway.register(1001, [port])
        said = []
        for _ in range(12):
            stranger = socket.create_connection(
                (LOCAL, gateway.port), timeout=10, source_address=(STRANGER, 0)
            )
            held.enter_context(stranger)
            said.append(await asyncio.to_thread(stranger.recv, 100))
        assert sum(words.startswith(b"SSH-2.0-") for words in said) == 4
        await gateway.lane(1001, LOCAL, {port: 9})
