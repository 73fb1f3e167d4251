"""One lane as the product runs it: its own template, the real ssh, its own observer."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from ground2cloud.config.model import Gateway, Ssh
from ground2cloud.core.lines import Lines
from ground2cloud.core.spawn import Child, spawn
from ground2cloud.core.spec import Outcome, Verdict
from ground2cloud.openssh import jump, system
from ground2cloud.openssh.forward import Forward
from ground2cloud.openssh.judging import LaneContext
from ground2cloud.openssh.observer import LaneObserver
from ground2cloud.openssh.program import SshProgram, find_ssh
from ground2cloud.openssh.render import Places, argv, known_hosts_line, lane_config
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import eventually

QUICK = Ssh(connect_timeout=2, server_alive_interval=1, server_alive_count_max=1)
"""The defaults with times that a test can wait for."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a lane is run with; by default all is well, in a directory of its own."""

    gateway: Gateway
    identity_file: Path
    known_hosts: tuple[Path, ...] = ()
    ssh: Ssh = QUICK
    forwards: tuple[Forward, ...] = field(default_factory=lambda: (a_forward(),))
    session: bool = False
    control_path: Path | None = None
    program: SshProgram | None = None
    directory: Path | None = None


def a_forward(port: int | None = None, target: int | None = None) -> Forward:
    """Return a forward of a free port, to a port where by default nothing listens."""
    return Forward("app", "127.0.0.1", port or free_port(), "127.0.0.1", target or free_port())


def to(sshd: ThrowawaySshd, **gateway: object) -> Gateway:
    """Return the `[gateway]` of an agent that is configured for this sshd."""
    values = {
        "host": sshd.host,
        "ssh_port": sshd.port,
        "user": sshd.user,
        "host_key": sshd.host_key,
        **gateway,
    }
    return Gateway(**values)  # type: ignore[arg-type] # the tests name the keys of the model


async def the_ssh() -> SshProgram:
    """Return the ssh of this machine."""
    program = await find_ssh("ssh")
    assert isinstance(program, SshProgram), program
    return program


class LaneRun:
    """A running ssh: `lines` is all that it said, `unserved` the ports that it found nobody at."""

    def __init__(
        self,
        process: Child,
        observer: LaneObserver,
        config_file: Path,
        unserved: list[int | None],
    ) -> None:
        self.process = process
        self.observer = observer
        self.config_file = config_file
        self.lines: list[str] = []
        self.unserved = unserved
        self._words = asyncio.create_task(self._read())

    async def ready(self) -> None:
        """Wait until the observer says so."""
        await eventually(
            lambda: self.observer.ready or self.process.returncode is not None,
            what=f"the lane is ready: {self.lines}",
        )
        assert self.observer.ready, self.lines

    async def settled(self) -> None:
        """Wait until the held session's command runs: it echoes."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"settled\n")
        async with asyncio.timeout(20):
            assert await self.process.stdout.readline() == b"settled\n"

    async def verdict(self, timeout: float = 20.0) -> Verdict:
        """Wait for the end and answer what the observer makes of it."""
        async with asyncio.timeout(timeout):
            code = await self.process.wait()
            await self._words
        return self.observer.verdict(code)

    async def close(self) -> None:
        """End what is left."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await self._words
        self.process.close()

    async def _read(self) -> None:
        assert self.process.stderr is not None
        lines = Lines()
        while chunk := await self.process.stderr.read(65536):
            self._take(lines.feed(chunk))
        self._take(lines.end())

    def _take(self, lines: list[str]) -> None:
        self.lines += lines
        for line in lines:
            self.observer.line(line)


@contextlib.asynccontextmanager
async def running(setup: Setup) -> AsyncIterator[LaneRun]:
    """Run a lane for as long as the block lasts."""
    program = setup.program or await the_ssh()
    with contextlib.ExitStack() as stack:
        directory = setup.directory or stack.enter_context(short_directory())
        config_file = directory / "lane.conf"
        known_hosts = directory / "known_hosts"
        known_hosts.write_text(known_hosts_line(setup.gateway) or "")
        places = Places(
            config_file,
            setup.identity_file,
            (known_hosts, *setup.known_hosts),
            setup.control_path,
        )
        text = lane_config(setup.gateway, setup.ssh, setup.forwards, places, program, aes=True)
        config_file.write_text(text)
        context = LaneContext(
            host=setup.gateway.host,
            port=setup.gateway.ssh_port,
            user=setup.gateway.user,
            identity_file=setup.identity_file,
            known_hosts=places.known_hosts[-1],
            pinned=setup.gateway.host_key is not None,
            jumps=tuple(hop.host for hop in jump.parse(setup.ssh.jump)) if setup.ssh.jump else (),
            session=setup.session,
        )
        process = await spawn(
            argv(program, config_file, session=setup.session),
            env={**os.environ, **system.CHILD_ENVIRONMENT},
        )
        unserved: list[int | None] = []
        observer = LaneObserver(
            setup.forwards,
            context,
            tagged=program.log_verbose,
            on_application_failure=lambda _host, port: unserved.append(port),
        )
        lane = LaneRun(process, observer, config_file, unserved)
        try:
            yield lane
        finally:
            await lane.close()


async def verdict_on(setup: Setup, timeout: float = 20.0) -> Verdict:
    """Run a lane that fails, and answer why."""
    async with running(setup) as lane:
        return await lane.verdict(timeout)


def check(verdict: Verdict, reason: str | set[str], outcome: Outcome, *words: str) -> None:
    """Hold the verdict against what is expected; `words` stand in its message or its hint."""
    assert verdict.reason in ({reason} if isinstance(reason, str) else reason), verdict
    assert verdict.outcome is outcome, verdict
    for word in words:
        assert word in f"{verdict.message} {verdict.hint}", verdict
    assert "{" not in verdict.message + verdict.hint


def a_good(sshd: ThrowawaySshd, **changes: object) -> Setup:
    """Return a lane that would work, but for the changes."""
    values = {"gateway": to(sshd), "identity_file": sshd.identity_file, **changes}
    return Setup(**values)  # type: ignore[arg-type] # the tests name the fields of Setup


def at_port(sshd: ThrowawaySshd, port: int, **changes: object) -> Setup:
    """Return a lane to another port than sshd's."""
    return a_good(sshd, gateway=to(sshd, ssh_port=port), **changes)
