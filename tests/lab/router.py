"""A real HAProxy by the product's own files, with raw connections to it.

What stands on the slots is up to the test: a tiny server on 127.0.0.2 is as good as a lane.
"""

import contextlib
import hashlib
import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ground2cloud.config.model import Kind
from ground2cloud.haproxy.child import argv, check_argv
from ground2cloud.haproxy.program import HaproxyProgram, judge
from ground2cloud.haproxy.render import render
from ground2cloud.haproxy.routes import Backend, Endpoint, Key, RouterSettings, master_socket
from ground2cloud.haproxy.runtime import Runtime
from tests.lab.ports import free_port
from tests.lab.processes import descendants, end_child, listens, run
from tests.lab.waiting import wait_until

SECRET = "an-element-key"
DOMAIN = "g2c.example.com"

PROGRAM = "/usr/sbin/haproxy"
"""Debian keeps it out of an ordinary user's PATH."""


def hashed(secret: str) -> str:
    """The hash under which the router knows a key."""
    return hashlib.sha256(secret.encode()).hexdigest().upper()


def key(secret: str = SECRET, element: int = 1, **more: Any) -> Key:  # noqa: ANN401 - whatever a Key takes
    """A key to all of registration 1001, unless `grants` says otherwise."""
    return Key(hashed(secret), element, more.pop("grants", ((1001, None),)), **more)


def backend(
    port: int,
    service: str = "web",
    *,
    registration: int = 1001,
    kind: Kind = Kind.HTTP,
    slots: tuple[str, ...] = ("127.0.0.1",),
) -> Backend:
    """An HTTP service on the first slot, unless told otherwise."""
    return Backend(registration, service, kind, port, slots)


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str | None:
        """The slug, the same in header and body or this fails."""
        slug = self.headers.get("ground2cloud-error")
        if slug is not None:
            assert json.loads(self.body)["error"] == slug
        return slug


class Router:
    """A router in `directory` (short); use it as a context manager.

    It listens at `host`, which may be `::` for IPv6 as well.
    """

    def __init__(
        self,
        directory: Path,
        backends: list[Backend],
        keys: list[Key] | None = None,
        host: str = "127.0.0.1",
        **settings: Any,  # noqa: ANN401 - whatever RouterSettings takes
    ) -> None:
        self.directory = directory
        self.port = free_port()
        self.settings = RouterSettings(
            runtime_socket=directory / "router.sock",
            listen=(Endpoint(host, self.port),),
            domain=DOMAIN,
            **settings,
        )
        self.backends = backends
        self.keys = [key()] if keys is None else keys
        self.program = _program()
        self.output = directory / "stderr"
        self.process: subprocess.Popen[bytes] | None = None
        self.runtime = Runtime(self.settings)

    def __enter__(self) -> Self:
        self.write()
        run(*check_argv(self.program, self.directory))
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                argv(self.program, self.settings, self.directory), stderr=output
            )
        try:
            wait_until(lambda: self.loads() == 1 or self._ended(), what="the router's start")
            assert self.loads() == 1, self.words()
        except BaseException:
            end_child(self.process)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            end_child(self.process)

    def write(self) -> None:
        """Write the files as things are now."""
        for name, text in render(self.settings, self.backends, self.keys).items():
            (self.directory / name).write_text(text)

    def reload(self) -> None:
        """Have the files read again, and wait until they are in force."""
        self.write()
        wait_until(lambda: "worker" in self.show("show proc", master=True), what="the master")
        before = self.loads()
        assert self.process is not None
        old = descendants(self.process.pid)
        self.process.send_signal(signal.SIGUSR2)
        wait_until(lambda: self.loads() > before, what="a reload")
        # For a moment both take what comes.
        wait_until(
            lambda: not any(listens(one.pid, self.port) for one in old),
            what="the end of the old worker's listening",
        )

    def words(self) -> str:
        """All that it said on stderr."""
        return self.output.read_text()

    def loads(self) -> int:
        """How often it has loaded its files."""
        return self.words().count("Loading success.")

    def connect(self, port: int | None = None) -> socket.socket:
        """Open a connection to it."""
        return socket.create_connection(("127.0.0.1", port or self.port), timeout=10)

    def ask(self, request: str | bytes) -> Reply:
        """Send this as it is, on a connection of its own, and read one answer."""
        with self.connect() as connection:
            connection.sendall(request if isinstance(request, bytes) else request.encode())
            return read_reply(connection)

    def get(self, host: str = "web-1001", *headers: str, path: str = "/") -> Reply:
        """GET with the key, unless `headers` has one."""
        return self.ask(head("GET", path, host, *headers))

    @contextlib.contextmanager
    def tunnel(self, host: str = "web-1001", *headers: str) -> Iterator[socket.socket]:
        """A CONNECT that must succeed."""
        with self.connect() as connection:
            connection.sendall(head("CONNECT", f"{host}:1", host, *headers).encode())
            assert read_head(connection)[0] == 200
            yield connection

    def show(self, command: str, *, master: bool = False) -> str:
        """Ask its runtime socket, or the master's, without the product's client."""
        path = master_socket(self.settings) if master else self.settings.runtime_socket
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(path))
            connection.sendall(command.encode() + b"\n")
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def _ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None


def head(method: str, target: str, host: str, *headers: str) -> str:
    """A request's head; the key is added when `headers` has none."""
    lines = list(headers)
    own = ("ground2cloud-key:", "proxy-authorization:")
    if not any(line.lower().startswith(own) for line in lines):
        lines.append(f"Ground2Cloud-Key: {SECRET}")
    if not any(line.lower().startswith("host:") for line in lines):
        lines.insert(0, f"Host: {host if ':' in host or '.' in host else f'{host}.{DOMAIN}'}")
    return "\r\n".join((f"{method} {target} HTTP/1.1", *lines, "", ""))


def read_head(connection: socket.socket) -> tuple[int, dict[str, str]]:
    """Read an answer's status and headers, and not a byte more."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            raise ConnectionError(f"closed after {data!r}")
        data += byte
    first, *lines = data.decode("latin-1").rstrip().split("\r\n")
    pairs = (line.split(":", 1) for line in lines)
    return int(first.split(" ")[1]), {name.lower(): value.strip() for name, value in pairs}


def read_reply(connection: socket.socket) -> Reply:
    """Read one answer with its body, by length, chunks or the end, and not a byte more."""
    status, headers = read_head(connection)
    # Unbuffered: what stands behind this answer belongs to the next one.
    with connection.makefile("rb", buffering=0) as file:
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(file.readline(), 16):
                body += _exactly(file, size)
                file.readline()
            file.readline()
        elif "content-length" in headers:
            body = _exactly(file, int(headers["content-length"]))
        else:
            body = b"" if status in {100, 101, 204, 304} else file.read()
    return Reply(status, headers, body)


def certificate(directory: Path) -> Path:
    """Make one for every name below the domain; `cert.pem` beside it is without the key."""
    run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-subj", f"/CN=*.{DOMAIN}", "-days", "2",
        "-keyout", str(directory / "key.pem"), "-out", str(directory / "cert.pem"),
    )  # fmt: skip
    both = directory / "both.pem"
    both.write_text((directory / "cert.pem").read_text() + (directory / "key.pem").read_text())
    return both


def _exactly(file: socket.SocketIO, size: int) -> bytes:
    body = bytearray()
    while len(body) < size:
        part = file.read(size - len(body))
        if not part:
            raise ConnectionError(f"closed after {len(body)} of {size} bytes")
        body += part
    return bytes(body)


def _program() -> HaproxyProgram:
    program = judge(PROGRAM, run(PROGRAM, "-vv"))
    assert isinstance(program, HaproxyProgram), program
    return program
