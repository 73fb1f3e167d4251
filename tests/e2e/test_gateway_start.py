"""How a gateway begins and ends: init, check, a refusal to be root, restarts, kills."""

import os
import signal
import socket
import sqlite3
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ground2cloud.backchannel.tls import AUTHORITY_FILE
from ground2cloud.config.model import Kind
from ground2cloud.registry.database import sqlite_url
from ground2cloud.registry.store import Registry
from ground2cloud.web.gateway_messages import GatewayStatus
from tests.lab.gateway import PROGRAM, GatewayLab
from tests.lab.httpapp import HttpApp
from tests.lab.migrating import make_before_alembic
from tests.lab.registering import NOW, enter, make_invite
from tests.lab.waiting import wait_until

# Gateways that are started twice and three times take half a minute on a busy machine.
pytestmark = pytest.mark.timeout(180)

WEB = ("web", Kind.HTTP)
Tables = dict[str, Any]


@pytest.fixture
def gateway(short_dir: Path) -> Iterator[GatewayLab]:
    """A gateway, not yet started."""
    lab = GatewayLab(short_dir)
    yield lab
    lab.kill()


class NeverReady(GatewayLab):
    """Fails while it runs."""

    def wait_ready(self, timeout: float = 60.0) -> GatewayStatus:
        super().wait_ready(timeout)
        raise AssertionError("never ready")


def test_a_lab_that_does_not_come_up_leaves_nothing(short_dir: Path) -> None:
    lab = NeverReady(short_dir)
    with pytest.raises(AssertionError, match="never ready"), lab:
        pass
    assert lab.exit_code == -signal.SIGKILL


def command(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run `ground2cloud gateway …` for a user whose home is there."""
    return subprocess.run(
        [*PROGRAM, "gateway", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home / "state")},
    )


def me() -> list[str]:
    """The option that root needs."""
    return ["--user", "root"] if os.getuid() == 0 else []


def test_init_writes_a_good_configuration_and_the_keys(short_dir: Path) -> None:
    file = short_dir / "gateway.toml"
    options = ("--config", str(file))
    made = command("init", "--host", "g2c.example.com", *me(), *options, home=short_dir)
    assert made.returncode == 0, made.stderr
    assert "pin" in made.stdout
    assert tomllib.loads(file.read_text())["gateway"]["host"] == "g2c.example.com"
    assert file.stat().st_mode & 0o077 == 0
    checked = command("check", *options, home=short_dir)
    assert checked.returncode == 0, checked.stderr
    again = command("init", *me(), *options, home=short_dir)
    assert again.returncode == 1
    assert "--force" in again.stderr
    keys = {path.name for path in short_dir.rglob("*") if path.is_file()}
    assert keys >= {"host_ca", "host_key", "backchannel-ca.pem", "registry.sqlite"}
    secret = [path for path in short_dir.rglob("*ca*") if path.suffix != ".pub" and path.is_file()]
    assert all(path.stat().st_mode & 0o077 == 0 for path in secret)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be refused for being root")
def test_root_must_be_told_whom_to_become(short_dir: Path) -> None:
    lab = GatewayLab(short_dir)
    text = lab.config.read_text().replace('user = "root"\n', "")
    lab.config.write_text(text)
    refused = lab.cli("run")
    assert refused.returncode == 78
    assert "does not run as root" in refused.stderr
    lab.config.write_text(text.replace("[gateway]\n", '[gateway]\nuser = "no-such-account"\n'))
    unknown = lab.cli("run")
    assert unknown.returncode == 78
    assert "useradd" in unknown.stderr


def test_a_broken_configuration_is_told_with_its_exit_code(gateway: GatewayLab) -> None:
    gateway.config.write_text(gateway.config.read_text() + "\n[nonsense]\n")
    for name in ("check", "run", "invite"):
        told = gateway.cli(name)
        assert told.returncode == 78
        assert "nonsense" in told.stderr


def test_tunnel_ports_that_others_may_take_by_chance_are_warned_of(short_dir: Path) -> None:
    gateway = GatewayLab(short_dir, tunnels={"first_port": 60000, "last_port": 65000})
    lent = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[1])
    assert lent > 60000, "this machine lends other ports than the test means"
    checked = gateway.cli("check")
    assert checked.returncode == 0
    assert [line for line in checked.stderr.splitlines() if "outgoing connections" in line]
    gateway.start()
    try:
        wait_until(lambda: gateway.log_text().count("outgoing connections") == 1, what="the line")
    finally:
        gateway.kill()


def test_ports_that_others_have_are_warned_of_before_a_start(gateway: GatewayLab) -> None:
    with socket.create_server(("127.0.0.1", gateway.ssh_port)):
        checked = gateway.cli("check")
    place = f"127.0.0.1:{gateway.ssh_port}"
    assert (checked.returncode, checked.stdout) == (0, "gateway.toml: good\n")
    assert checked.stderr == f"warning: ssh.port: {place} is taken by another program\n"
    gateway.start()
    gateway.wait_ready()
    assert gateway.cli("check").stderr == "", "a gateway that runs has them itself"


def test_commands_say_that_no_gateway_runs(gateway: GatewayLab) -> None:
    told = gateway.cli("status")
    assert told.returncode == 1
    assert "not running" in told.stderr
    made = gateway.cli("invite")
    assert made.returncode == 0, "a join string can be made beforehand"
    assert made.stdout.startswith("g2c1-")


@pytest.mark.parametrize("path", ["kept/reg.db", "~/reg.db"])
def test_a_relative_path_of_the_registry_begins_at_the_file_that_names_it(
    short_dir: Path, path: str
) -> None:
    """As every other one does; else each directory that a command is given in has a registry."""
    lab = GatewayLab(short_dir, registry={"url": f"sqlite:///{path}"})
    home, here, there = (short_dir / name for name in ("home", "here", "there"))
    for cwd in (home, here, there):
        cwd.mkdir()
        made = subprocess.run(
            lab.command("invite"),
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "HOME": str(home)},
        )
        assert made.returncode == 0, made.stderr
    expected = Path(path.replace("~", str(home)))
    assert list(short_dir.rglob("reg.db")) == [short_dir / expected]
    with closing(sqlite3.connect(short_dir / expected)) as database:
        assert database.execute("SELECT count(*) FROM g2c_invite").fetchone() == (3,)


def test_an_older_registry_is_brought_up_to_date_by_the_gateway_alone(gateway: GatewayLab) -> None:
    file = gateway.directory / "state" / "registry.sqlite"
    gateway.make_authorities()
    make_before_alembic(sqlite_url(file))
    told = gateway.cli("invite")
    assert told.returncode == 78
    assert "gateway run" in told.stderr
    gateway.start()
    gateway.wait_ready()
    assert gateway.agent(1001).name == "one"
    assert gateway.register(WEB).id == 1003
    assert gateway.log_text().count("is brought to version") == 1
    gateway.stop()
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE g2c_version SET version_num = '9999'")
    newer = gateway.cli("run")
    assert newer.returncode == 78
    [line, hint] = newer.stderr.splitlines()
    assert "has version 9999" in line
    assert "newer" in hint


class FewFiles(GatewayLab):
    """May have few files open at first, and some more if it wants to."""

    def command(self, *arguments: str) -> list[str]:
        return ["prlimit", "--nofile=1024:5000", "--", *super().command(*arguments)]


def test_it_takes_as_many_files_as_it_may(short_dir: Path) -> None:
    with FewFiles(short_dir) as gateway:
        limits = Path(f"/proc/{gateway.status().pid}/limits").read_text().splitlines()
        [files] = [line.split() for line in limits if line.startswith("Max open files")]
        assert files[3:5] == ["5000", "5000"]
        gateway.stop()


@pytest.mark.parametrize("name", [AUTHORITY_FILE, "ssh/host_ca"])
def test_a_registry_without_the_ca_that_its_agents_know_is_refused(
    gateway: GatewayLab, name: str
) -> None:
    """As where it alone was put back from a backup: with a new CA no agent would come any more."""
    state = gateway.directory / "state"
    gateway.make_authorities()
    with closing(Registry(gateway.registry)) as registry:
        made = enter(registry, make_invite(registry), "one")
        kept = (state / name).read_bytes()
        (state / name).unlink()
        for what in ("run", "invite"):
            told = gateway.cli(what)
            assert told.returncode == 78, told.stderr
            assert f"missing: {state / name}" in told.stderr
            assert "backup" in told.stderr
            assert not (state / name).exists()
        (state / name).write_bytes(kept)
        (state / name).chmod(0o600)
        assert gateway.cli("invite").returncode == 0
        (state / name).unlink()
        registry.revoke(made.id, NOW)
        assert gateway.cli("invite").returncode == 0, "there is nobody to know another one"
    assert (state / AUTHORITY_FILE).exists()


def test_init_makes_no_other_ca_for_a_registry_that_has_agents(short_dir: Path) -> None:
    options = (*me(), "--config", str(short_dir / "gateway.toml"))
    assert command("init", *options, home=short_dir).returncode == 0
    [file] = short_dir.rglob("registry.sqlite")
    with closing(Registry(sqlite_url(file))) as registry:
        enter(registry, make_invite(registry), "one")
    assert command("init", "--force", *options, home=short_dir).returncode == 0
    (file.parent / AUTHORITY_FILE).unlink()
    told = command("init", "--force", *options, home=short_dir)
    assert told.returncode == 78
    assert "missing" in told.stderr
    assert not (file.parent / AUTHORITY_FILE).exists()


def test_a_second_one_with_the_same_state_is_refused(gateway: GatewayLab) -> None:
    gateway.start()
    gateway.wait_ready()
    second = gateway.cli("run")
    assert second.returncode == 1
    assert "another ground2cloud" in second.stderr
    gateway.stop()


def test_what_was_answered_outlives_a_kill_and_lanes_go_on(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    gateway.start()
    gateway.wait_ready()
    agent = gateway.register(WEB)
    key = gateway.do("element", "add", "caller", "--grant", str(agent.id))
    route = {"Ground2Cloud_Route": f"{agent.id}/web", "Ground2Cloud_Key": key}
    with agent.lane({"web": http_app.port}) as lane:
        wait_until(lambda: gateway.request(**route).status == 200, what="the application")
        gateway.crash()
        gateway.start()
        gateway.wait_ready()
        wait_until(lambda: gateway.request(**route).status == 200, what="the application again")
        assert lane.poll() is None, "the lane outlived the gateway"
        view = gateway.agent(agent.id)
        assert (view.state, len(view.lanes)) == ("active", 1)
        gateway.do("revoke", str(agent.id))
        lane.wait(timeout=20)
    again = gateway.register(WEB)
    assert again.id == agent.id + 1
    gateway.stop()


def test_a_stop_ends_every_lane_and_leaves_nothing(gateway: GatewayLab, http_app: HttpApp) -> None:
    gateway.start()
    gateway.wait_ready()
    agent = gateway.register(WEB)
    with agent.lane({"web": http_app.port}) as lane:
        wait_until(lambda: gateway.agent(agent.id).state == "active", what="active")
        gateway.stop()
        lane.wait(timeout=20)


def test_what_changes_while_it_does_not_run_is_in_force_when_it_does(gateway: GatewayLab) -> None:
    gateway.start()
    gateway.wait_ready()
    agent = gateway.register(WEB)
    gateway.stop()
    gateway.do("revoke", str(agent.id))
    gateway.start()
    gateway.wait_ready()
    with agent.lane({"web": 1}) as lane:
        assert lane.wait(timeout=10) == 255
    assert gateway.agent(agent.id).state == "revoked"


def test_who_asks_a_gateway_that_was_killed_is_told_how_to_start_it(gateway: GatewayLab) -> None:
    gateway.start()
    gateway.wait_ready()
    gateway.kill()
    told = gateway.cli("status")
    assert told.returncode == 1
    assert "left without a word" in told.stderr
    assert f"start it with: ground2cloud gateway run --config {gateway.config}" in told.stderr


def test_what_only_a_start_would_meet_is_found_by_check(short_dir: Path) -> None:
    lab = GatewayLab(short_dir, router={"certificate": "none.pem"})
    told = lab.cli("check")
    assert told.returncode == 78
    assert f"router.certificate: there is no file {short_dir / 'none.pem'}" in told.stderr
    lab = GatewayLab(short_dir, paths={"run": str(short_dir / ("r" * 90))})
    told = lab.cli("check")
    assert told.returncode == 78
    assert "longer than 90 bytes" in told.stderr
