"""A caller of a whole gateway, whose connection shows whether something was cut."""

import contextlib
import io
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ground2cloud.cli import main
from ground2cloud.config.model import Kind
from tests.lab.editing import edit
from tests.lab.gateway import GatewayLab, LabAgent
from tests.lab.httpapp import HttpApp
from tests.lab.ports import free_port
from tests.lab.waiting import wait_until

WEB = ("web", Kind.HTTP)


def do(gateway: GatewayLab, *arguments: str) -> tuple[int, str]:
    """Run `ground2cloud gateway ARGUMENTS` in this process, where a new one would take a second.

    Returns its exit code, and what it wrote: to stderr if it failed.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["gateway", *arguments, "--config", str(gateway.config)])
    return code, (err if code else out).getvalue().strip()


def register(gateway: GatewayLab) -> LabAgent:
    """Register an agent with one service."""
    code, join = do(gateway, "invite")
    assert code == 0, join
    return gateway.register(WEB, join=join)


def change(lab: GatewayLab, **sections: dict[str, Any]) -> None:
    """Change these keys in the file, and do nothing else."""

    def merge(tables: dict[str, Any]) -> None:
        for name, section in sections.items():
            tables[name] = {**tables.get(name, {}), **section}

    edit(lab.config, merge)


class Caller:
    """A lane to `http_app`, and a connection through the router that is kept and asked again."""

    def __init__(self, gateway: GatewayLab, agent: LabAgent) -> None:
        self.agent = agent
        self._gateway = gateway
        name = f"caller{free_port()}"
        code, key = do(gateway, "element", "add", name, "--grant", str(agent.id))
        assert code == 0, key
        self.words = {"Ground2Cloud_Route": f"{agent.id}/web", "Ground2Cloud_Key": key}
        self._reached()
        self._socket = socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20)
        head = f"CONNECT {agent.id}/web:80 HTTP/1.1\r\nProxy-Authorization: Bearer {key}\r\n\r\n"
        self._socket.sendall(head.encode())
        self._until(b"\r\n\r\n")
        self.ask()

    def _reached(self) -> None:
        def reached() -> bool:
            answer = self._gateway.request(**self.words)
            if answer.status != 200:
                raise ConnectionError(str(answer))
            return True

        wait_until(reached, what="the application reached")

    def is_answered(self) -> bool:
        """Whether a request on a new connection is answered."""
        return self._gateway.request(**self.words).status == 200

    def ask(self) -> None:
        """Ask on the connection that was made first."""
        self._socket.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self._until(b"hello from app\n")

    def _until(self, end: bytes) -> None:
        got = b""
        while not got.endswith(end):
            chunk = self._socket.recv(4096)
            assert chunk, f"the connection was cut after {got!r}"
            got += chunk

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


@contextmanager
def calling(gateway: GatewayLab, app: HttpApp) -> Iterator[tuple[Caller, subprocess.Popen[bytes]]]:
    """A lane, and a caller whose connection through it must still be there at the end."""
    agent = register(gateway)
    with agent.lane({"web": app.port}) as lane:
        caller = Caller(gateway, agent)
        try:
            yield caller, lane
            assert lane.poll() is None, "the lane was ended"
            caller.ask()
        finally:
            caller.close()
