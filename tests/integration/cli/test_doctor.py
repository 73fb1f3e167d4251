"""The doctor against servers that aren't quite there, and a machine that isn't quite right."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ground2cloud.config.model import AgentConfig, Gateway, Ssh
from ground2cloud.roles.doctor import local, network
from ground2cloud.roles.doctor.finding import Finding
from tests.lab.command import Command
from tests.lab.ports import free_port


@contextmanager
def answering(content: bytes | None) -> Iterator[int]:
    """Listen, answer one connection with these bytes and close; with None, stay silent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def serve() -> None:
            connection, _ = listener.accept()
            # Who has heard enough hangs up.
            with connection, suppress(OSError):
                if content is None:
                    over.wait(10)
                else:
                    connection.sendall(content)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            thread.join(10)


async def walk(port: int, host: str = "127.0.0.1", **ssh: object) -> list[Finding]:
    settings = {"connect_timeout": 1, **ssh}
    config = AgentConfig(gateway=Gateway(host=host, ssh_port=port), ssh=Ssh(**settings))  # type: ignore[arg-type] # the settings of the test
    return [finding async for finding in network.walk(config)]


def summary(findings: list[Finding]) -> list[str]:
    return [f"{finding.step} {finding.result}" for finding in findings]


async def test_an_ssh_server_is_recognised_whatever_it_says_before() -> None:
    with answering(b"Welcome!\r\nno trespassing\r\nSSH-2.0-Test_1 \x1b[2J\r\nmore") as port:
        found = await walk(port)
    assert summary(found) == ["name good", "connection good", "server good"]
    assert found[-1].message == "SSH-2.0-Test_1 \\x1b[2J"
    assert all(finding.seconds is not None for finding in found)


async def test_a_name_that_does_not_exist_ends_the_walk() -> None:
    found = await walk(22, host="does-not-exist.invalid")
    assert summary(found) == ["name bad", "connection unknown", "server unknown"]
    assert "typing mistake" in found[0].hint


async def test_a_closed_port_is_told() -> None:
    found = await walk(free_port())
    assert summary(found) == ["name good", "connection bad", "server unknown"]
    assert "refuses connections" in found[1].message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "closed the connection at once"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is no SSH server: HTTP/1.1 400"),
        (b"SSH-2.0-cut", "is no SSH server: SSH-2.0-cut"),
        (b"\x00" * 200_000, r"is no SSH server: \x00\x00"),
        (None, "takes the connection but says nothing"),
    ],
    ids=["nothing", "http", "cut", "endless", "silent"],
)
async def test_what_is_no_ssh_server_is_told(content: bytes | None, said: str) -> None:
    with answering(content) as port:
        found = await walk(port)
    assert summary(found) == ["name good", "connection good", "server bad"]
    assert said in found[-1].message
    assert len(found[-1].message) < 300


async def test_with_a_jump_host_the_walk_goes_there() -> None:
    port = free_port()
    found = await walk(22, host="does-not-exist.invalid", jump=f"someone@127.0.0.1:{port}")
    assert "the jump host 127.0.0.1 refuses" in found[1].message


async def test_a_connection_by_a_command_of_the_users_is_not_judged() -> None:
    found = await walk(22, options={"ProxyCommand": "nc %h %p"})
    assert {str(finding.result) for finding in found} == {"unknown"}


def test_the_clock_of_this_machine_is_in_this_century() -> None:
    assert local.look_at_clock().result != "bad"


def test_a_broken_file_is_the_first_thing_to_mend(command: Command) -> None:
    command.path.write_text(command.path.read_text() + "\n[nonsense]\n[more]\n")
    ended = command("doctor")
    assert ended.code == 78
    assert "✗ configuration" in ended.out
    assert "nonsense: unknown key" in ended.out
    assert "more: unknown key" in ended.out
    assert "– host key" in ended.out  # noqa: RUF001 - the dash is meant
    assert ended.out.endswith("the first thing to mend: configuration\n")


def test_a_missing_ssh_keeps_ssh_from_being_tried(command: Command) -> None:
    command.path.write_text(
        command.path.read_text().replace("[gateway]", '[ssh]\nprogram = "no-such-ssh"\n[gateway]')
    )
    findings = json.loads(command("doctor", "--json").out)["findings"]
    by_step = {finding["step"]: finding for finding in findings}
    assert by_step["ssh"]["result"] == "bad"
    assert "install OpenSSH" in by_step["ssh"]["hint"]
    for step in ("settings", "key", "host key", "login", "forward"):
        assert by_step[step]["result"] == "unknown"


def test_a_missing_key_is_told_before_anything_is_dialled(command: Command, tmp_path: Path) -> None:
    ended = command("doctor")
    assert ended.code == 1
    assert f"there is no private key {tmp_path / 'id_ed25519'}" in ended.out
    assert "the first thing to mend: key" in ended.out


def test_an_agent_that_does_not_answer_is_a_link_of_the_chain(command: Command) -> None:
    command.run_dir.mkdir()
    (command.run_dir / "control.json").write_text("{")
    findings = json.loads(command("doctor", "--json").out)["findings"]
    assert (findings[0]["step"], findings[0]["result"]) == ("agent", "bad")
    assert "damaged" in findings[0]["message"]
