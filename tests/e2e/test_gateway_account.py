"""A gateway that root starts is nothing of root's: its processes, their rights, their files."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ground2cloud.config.model import Kind
from tests.lab.gateway import GatewayLab
from tests.lab.httpapp import HttpApp
from tests.lab.ordinary import NAME, NUMBER, as_root_of_all
from tests.lab.ports import free_port
from tests.lab.processes import descendants, for_each
from tests.lab.waiting import wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="is about what root starts")

BIND_LOW_PORTS = 1 << 10
"""CAP_NET_BIND_SERVICE, as a bit."""

GROUP = "61299"
"""A group that root is in besides; nobody's in truth."""


class RootsGateway(GatewayLab):
    """Started by root, who is in another group as well, for an account that has a shell."""

    def __init__(self, directory: Path, port: int) -> None:
        super().__init__(
            directory,
            gateway={"user": NAME},
            router={"port": port},
            log={"file": str(directory / "logs" / "gateway.log")},
        )
        self.http_port = port
        directory.chmod(0o755)
        self.config.chmod(0o644)

    def command(self, *arguments: str) -> list[str]:
        argv = super().command(*arguments)
        return as_root_of_all("setpriv", "--groups", f"0,{GROUP}", "--", *argv)

    def do(self, *arguments: str) -> str:
        """Run it in a process of its own: in this one there is no such account."""
        done = self.cli(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout.strip()


@pytest.fixture
def port(request: pytest.FixtureRequest) -> int:
    """A free port for the router, low or not."""
    return free_port() if request.param == "high" else low_port()


@pytest.fixture
def gateway(short_dir: Path, port: int) -> Iterator[RootsGateway]:
    lab = RootsGateway(short_dir, port)
    yield lab
    lab.kill()


def low_port() -> int:
    """Find a port below 1024 that nobody listens on."""
    taken = {each.laddr.port for each in psutil.net_connections("inet") if each.laddr}
    return next(port for port in range(1023, 511, -1) if port not in taken)


def status_of(process: psutil.Process) -> dict[str, list[str]]:
    """What the kernel says of a process."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return {name: words.split() for name, _, words in (line.partition(":") for line in lines)}


def processes(gateway: GatewayLab) -> list[psutil.Process]:
    """All processes of a gateway with a lane; none as long as some are missing."""
    found = [psutil.Process(gateway.pid), *descendants(gateway.pid)]
    names: set[str] = set()
    for_each(found, lambda process: names.add(process.name()))
    return found if {"sshd", "haproxy", "cat"} <= names else []


def facts(gateway: GatewayLab) -> list[dict[str, list[str]]]:
    """What the kernel says of all of them, the gateway first; an OSError if one ends meanwhile."""
    return [status_of(process) for process in processes(gateway)]


def stats(gateway: GatewayLab) -> dict[Path, os.stat_result]:
    """All that it has made; an OSError if some of it, such as a new file, is gone meanwhile."""
    return {
        path: path.lstat()
        for name in ("state", "run", "logs")
        for path in (gateway.directory / name, *(gateway.directory / name).rglob("*"))
    }


@pytest.mark.parametrize(
    ("port", "rights"), [("high", 0), ("low", BIND_LOW_PORTS)], indirect=["port"]
)
def test_every_process_is_the_accounts_and_has_no_right_but_low_ports(
    gateway: RootsGateway, rights: int, http_app: HttpApp
) -> None:
    gateway.start()
    gateway.wait_ready()
    agent = gateway.register(("web", Kind.HTTP))
    key = gateway.do("element", "add", "caller", "--grant", str(agent.id))
    route = {"Ground2Cloud_Route": f"{agent.id}/web", "Ground2Cloud_Key": key}
    with agent.lane({"web": http_app.port}):
        wait_until(lambda: gateway.request(**route).status == 200, what="the application")
        everyone = wait_until(lambda: facts(gateway), what="all processes, also the lane's")
        for said in everyone:
            assert said["Uid"] == said["Gid"] == [str(NUMBER)] * 4
            assert said["Groups"] == [str(NUMBER)]
            assert said["NoNewPrivs"] == ["1"]
            for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                assert int(said[name][0], 16) & ~rights == 0, f"{said['Name']}: {name}"
        assert int(everyone[0]["CapEff"][0], 16) == rights
    files = wait_until(lambda: stats(gateway), what="a look at all files")
    assert len(files) > 20
    for path, found in files.items():
        assert (found.st_uid, found.st_gid) == (NUMBER, NUMBER), path
        assert found.st_mode & 0o022 == 0, path
    assert gateway.config.stat().st_uid == 0
    gateway.stop()


@pytest.mark.parametrize("port", ["high"], indirect=True)
def test_what_only_root_may_read_the_gateway_does_not_read(gateway: RootsGateway) -> None:
    gateway.config.chmod(0o600)
    told = gateway.cli("run")
    assert told.returncode == 78
    assert "gateway.toml" in told.stderr
    assert "can't be read" in told.stderr
    assert not (gateway.directory / "state").exists()


def test_directories_that_the_account_can_not_get_to_are_said_in_one_line(short_dir: Path) -> None:
    closed = short_dir / "closed"
    closed.mkdir(mode=0o700)
    short_dir.chmod(0o755)
    file = short_dir / "gateway.toml"
    words = ("gateway", "init", "--user", "nobody", "--config", str(file))
    told = subprocess.run(
        [sys.executable, "-m", "ground2cloud", *words],
        env={**os.environ, "HOME": str(closed), "XDG_STATE_HOME": str(closed / "state")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 78
    error, hint = told.stderr.splitlines()
    assert f"the account nobody can't get to {closed}/state/" in error
    assert f"{closed} is closed to it" in error
    assert hint.startswith("hint: leave --config out")
    assert not file.exists(), "nothing is half done"


@pytest.mark.parametrize("port", ["high"], indirect=True)
def test_what_the_account_may_not_have_is_told_with_what_to_do(gateway: RootsGateway) -> None:
    gateway.config.chmod(0o600)
    for name in ("check", "run"):
        told = gateway.cli(name)
        assert told.returncode == 78
        assert f"can't be read by {NAME}" in told.stderr
        assert f"chmod 640 {gateway.config}" in told.stderr
    gateway.config.chmod(0o644)
    state = gateway.directory / "state"
    state.mkdir()
    for name in ("check", "run"):
        told = gateway.cli(name)
        assert told.returncode == 78
        assert f"chown -R {NAME} {state}" in told.stderr


@pytest.mark.parametrize("port", ["high"], indirect=True)
def test_the_account_says_what_it_met_where_root_was_asked_to(gateway: RootsGateway) -> None:
    state = gateway.directory / "state"
    state.mkdir(mode=0o500)
    os.chown(state, NUMBER, NUMBER)
    told = gateway.cli("run")
    assert "--debug shows what was tried" in told.stderr
    told = gateway.cli("run", "--debug")
    assert "Traceback" in told.stderr
    assert "Permission denied" in told.stderr
