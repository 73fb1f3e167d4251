"""Others who bring an application behind a closed network to a port: each as its makers say.

A program that is not there is built, in a directory of its own, by the tool of its language; where
that can't be, the bench says so and goes on without. Each gets a key of its own and encrypts.
"""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.requests import until_answered
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.processes import end_child, run

CACHE = Path(".venv/bench-tunnels")
PATIENCE = 1800
"""Seconds for a build, which has the lowest priority: some minutes on two idle processors."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One of the others.

    Args:
        programs: what it consists of.
        build: commands that put them into `CACHE`/bin.
        start: writes its files into a directory and yields its commands, the server's first:
            `start(programs' directory, directory, port, target)`.
    """

    programs: tuple[str, ...]
    build: tuple[tuple[str, ...], ...]
    start: Callable[[Path, Path, int, int], tuple[tuple[str, ...], ...]]


def _rathole(
    programs: Path, directory: Path, port: int, target: int
) -> tuple[tuple[str, ...], ...]:
    program, door = str(programs / "rathole"), free_port()
    words = run(program, "--genkey").split()
    private, public = words[2], words[5]
    (directory / "server.toml").write_text(
        f"""[server]
bind_addr = "127.0.0.1:{door}"
[server.transport]
type = "noise"
[server.transport.noise]
local_private_key = "{private}"
[server.services.web]
token = "secret"
bind_addr = "127.0.0.1:{port}"
"""
    )
    (directory / "client.toml").write_text(
        f"""[client]
remote_addr = "127.0.0.1:{door}"
[client.transport]
type = "noise"
[client.transport.noise]
remote_public_key = "{public}"
[client.services.web]
token = "secret"
local_addr = "127.0.0.1:{target}"
"""
    )
    return (
        (program, "--server", str(directory / "server.toml")),
        (program, "--client", str(directory / "client.toml")),
    )


def _chisel(programs: Path, directory: Path, port: int, target: int) -> tuple[tuple[str, ...], ...]:
    del directory
    program, door = str(programs / "chisel"), free_port()
    return (
        (program, "server", "--host", "127.0.0.1", "--port", str(door), "--reverse"),
        (program, "client", f"127.0.0.1:{door}", f"R:127.0.0.1:{port}:127.0.0.1:{target}"),
    )


def _frp(programs: Path, directory: Path, port: int, target: int) -> tuple[tuple[str, ...], ...]:
    door = free_port()
    (directory / "frps.toml").write_text(
        f'bindAddr = "127.0.0.1"\nbindPort = {door}\nproxyBindAddr = "127.0.0.1"\n'
    )
    (directory / "frpc.toml").write_text(
        f"""loginFailExit = false
serverAddr = "127.0.0.1"
serverPort = {door}
[[proxies]]
name = "web"
type = "tcp"
localIP = "127.0.0.1"
localPort = {target}
remotePort = {port}
"""
    )
    return tuple(
        (str(programs / name), "-c", str(directory / f"{name}.toml")) for name in ("frps", "frpc")
    )


TUNNELS: Mapping[str, Tunnel] = {
    "frp": Tunnel(
        ("frps", "frpc"),
        tuple(
            ("go", "install", f"github.com/fatedier/frp/cmd/{name}@latest")
            for name in ("frps", "frpc")
        ),
        _frp,
    ),
    "chisel": Tunnel(
        ("chisel",), (("go", "install", "github.com/jpillora/chisel@latest"),), _chisel
    ),
    "rathole": Tunnel(
        ("rathole",), (("cargo", "install", "--root", str(CACHE), "rathole"),), _rathole
    ),
}


def available() -> tuple[dict[str, Tunnel], dict[str, str]]:
    """Build what is missing; return those that are there, and of the others why not."""
    there, missing = {}, {}
    for name, tunnel in TUNNELS.items():
        reason = "" if _is_built(tunnel) else _build(tunnel)
        if reason:
            missing[name] = reason
        else:
            there[name] = tunnel
    return there, missing


def versions() -> dict[str, str]:
    """Say of which version each is that is there, as its language's tool knows it."""
    return {name: _version(tunnel) for name, tunnel in TUNNELS.items() if _is_built(tunnel)}


def _version(tunnel: Tunnel) -> str:
    # Not asked itself: a program of Go that its makers' script didn't build doesn't know.
    name, tool = tunnel.programs[0], tunnel.build[0][0]
    argv, pattern = {
        "go": (("version", "-m", str(CACHE / "bin" / name)), r"\smod\s+\S+\s+v(\S+)"),
        "cargo": (("install", "--list", "--root", str(CACHE)), rf"(?m)^{name} v([^ :]+)"),
    }[tool]
    if shutil.which(tool) is None:
        return "unknown"
    done = subprocess.run((tool, *argv), capture_output=True, text=True, check=False)
    found = re.search(pattern, done.stdout)
    return found[1] if found else "unknown"


@contextlib.contextmanager
def held(tunnel: Tunnel, target: int) -> Iterator[int]:
    """Hold such a tunnel to a local port; lend the port at which callers reach it."""
    port = free_port()
    with short_directory() as directory, contextlib.ExitStack() as stack:
        for argv in tunnel.start((CACHE / "bin").absolute(), directory, port, target):
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=directory,
            )
            stack.callback(end_child, process)
        until_answered(port, timeout=20)
        yield port


def _is_built(tunnel: Tunnel) -> bool:
    return all((CACHE / "bin" / name).exists() for name in tunnel.programs)


def _build(tunnel: Tunnel) -> str:
    """Build it; answer why that can't be, empty when it is there."""
    (CACHE / "bin").mkdir(parents=True, exist_ok=True)
    for command in tunnel.build:
        if shutil.which(command[0]) is None:
            return f"there is no {command[0]}"
        try:
            with short_directory() as directory:
                done = subprocess.run(
                    ("nice", "-n", "19", *command),
                    env={**os.environ, **_places(directory)},
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=PATIENCE,
                )
        except subprocess.TimeoutExpired:
            return f"{command[0]} takes longer than {PATIENCE} s"
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["no word why"])[-1]
    return ""


def _places(directory: Path) -> dict[str, str]:
    """Keep what the compilers fetch and make out of the home directory: only the programs last."""
    return {
        "GOBIN": str((CACHE / "bin").absolute()),
        "GOFLAGS": "-p=1 -modcacherw",
        "GOPATH": str(directory / "go"),
        "GOCACHE": str(directory / "go-build"),
        "CARGO_HOME": str(directory / "cargo"),
    }
