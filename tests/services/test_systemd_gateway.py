"""systemd: a gateway that is installed, and an agent of the same machine that registers with it."""

import re
from collections.abc import Iterator

import psutil
import pytest
import tomli_w

from tests.lab.processes import is_alive
from tests.lab.waiting import wait_until
from tests.services.lab.machine import Gateway, Lab, Machine
from tests.services.lab.site import HELLO, Site

pytestmark = pytest.mark.lane("systemd")

UNIT = "ground2cloud-gateway.service"
CONFIG = "/etc/ground2cloud/gateway.toml"
STATE = "/var/lib/ground2cloud-gateway"
ACCOUNT = "ground2cloud-gateway"
ONLY_LOW_PORTS = 1 << 10  # CAP_NET_BIND_SERVICE of <linux/capability.h>


class GatewaySite(Site):
    """A machine with a gateway, on the ports that gateways have, and later an agent."""

    key = ""
    said = ""

    def initialise(self) -> None:
        """What docs/gateway.md says, up to the service."""
        options = ("--system", "--home-dir", STATE, "--shell", "/bin/sh", ACCOUNT)
        self.machine.run("useradd", *options)
        self.program("gateway", "init", "--host", "127.0.0.1", "--user", ACCOUNT)

    def install_gateway(self) -> str:
        """Install the gateway's service; return what was said."""
        return self.install("--gateway").stdout

    def join(self) -> None:
        """Register an agent of this very machine, install its service, and make a caller's key."""
        service = {"name": "app", "kind": "http", "port": self.gateway.app}
        self.machine.write("/etc/ground2cloud/agent.toml", tomli_w.dumps({"service": [service]}))
        self.program("register", self.program("gateway", "invite").stdout.strip())
        self.install()
        self.key = self.program("gateway", "element", "add", "x", "--grant", "1001").stdout.strip()

    def asked(self) -> str:
        """Ask for the application through the router."""
        return self.gateway.route("1001/app", self.key)

    def wait_routed(self) -> None:
        """Wait until the application answers through the router."""
        try:
            wait_until(lambda: self.asked() == HELLO, timeout=30, what="200", interval=0.2)
        except AssertionError as error:
            error.add_note(self.asked())
            error.add_note(self.machine.run("journalctl", "--no-pager", "-n", "80").stdout)
            raise

    def main(self) -> psutil.Process:
        """The gateway, seen from outside."""
        inside = self.ask("MainPID", UNIT)
        assert inside != "0"
        (process,) = (
            process
            for process in self.machine.processes("ground2cloud")
            if re.search(rf"^NSpid:.*\t{inside}$", status(process), re.MULTILINE)
        )
        return process


def status(process: psutil.Process) -> str:
    """What the kernel says of a process."""
    with open(f"/proc/{process.pid}/status") as file:  # noqa: PTH123 - no file of ours
        return file.read()


@pytest.mark.parametrize("kind", ["missing", "bad", "nobody's"])
def test_an_unusable_configuration_is_installed_but_not_retried(
    machine: Machine, gateway: Gateway, kind: str
) -> None:
    site = GatewaySite(machine, gateway)
    if kind != "missing":
        site.initialise()
        text = machine.path(CONFIG).read_text()
        user = f'user = "{ACCOUNT}"\n'
        assert user in text
        machine.path(CONFIG).write_text(
            text.replace(user, "" if kind == "nobody's" else "usr = 1\n")
        )

    said = site.install_gateway()

    assert "not started" in said
    assert f"ground2cloud gateway {'init' if kind == 'missing' else 'check'}" in said
    assert site.ask("ActiveState", UNIT) == "inactive"
    if kind == "nobody's":
        assert "gateway.user" in said
        return
    assert machine.run("systemctl", "start", UNIT, check=False).returncode != 0
    site.wait_for("ActiveState", "failed", UNIT)
    assert site.ask("ExecMainStatus", UNIT) == "78"
    assert site.ask("NRestarts", UNIT) == "0"


@pytest.fixture(scope="module")
def served(lab: Lab, gateway: Gateway) -> Iterator[GatewaySite]:
    """A machine with both services, whose application answers; a test leaves it so, but the last.

    It takes ten commands and a boot.
    """
    with Machine(lab, "with-gateway") as machine:
        site = GatewaySite(machine, gateway)
        site.initialise()
        site.said = site.install_gateway()
        site.join()
        site.wait_routed()
        yield site


def test_it_serves_on_its_low_ports_without_being_root(served: GatewaySite) -> None:
    site = served
    assert "it is running" in site.said
    assert site.ask("UnitFileState", UNIT) == "enabled"
    below = (*site.machine.processes("haproxy"), *site.machine.processes("sshd"))
    assert len(below) >= 3, "a master, a worker, an sshd"
    for process in (site.main(), *below):
        facts = dict(re.findall(r"^(\w+):\t(\S+)", status(process), re.MULTILINE))
        assert facts["Uid"] != "0"
        for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
            assert int(facts[name], 16) & ~ONLY_LOW_PORTS == 0
        assert facts["NoNewPrivs"] == "1"
    assert site.machine.out("stat", "-c", "%U %a", STATE) == f"{ACCOUNT} 700"
    assert "active" in site.program("gateway", "agents").stdout
    assert "active (running)" in site.program("service", "status", "--gateway").stdout
    assert site.machine.out("ls", "/var/log/ground2cloud-gateway") == "gateway.log"
    words = site.words(UNIT)
    assert "not permitted" not in words
    assert "denied" not in words
    pid = site.ask("MainPID", UNIT)
    assert "wrote" not in site.install_gateway()
    assert site.ask("MainPID", UNIT) == pid, "twice is as good as once"


def test_a_reload_is_applied_when_it_returns_or_fails_and_changes_nothing(
    served: GatewaySite,
) -> None:
    machine, config = served.machine, served.machine.path(CONFIG)
    pid, good = served.ask("MainPID", UNIT), config.read_text()
    config.write_text(f"{good}\n[nonsense]\n")
    assert machine.run("systemctl", "reload", UNIT, check=False).returncode != 0
    assert "nonsense" in served.words(UNIT)
    assert served.asked() == HELLO
    config.write_text(good.replace("#application_timeout = 60", "application_timeout = 50"))
    machine.run("systemctl", "reload", UNIT)
    served.wait_routed()
    router = machine.path("/run/ground2cloud-gateway/router/haproxy.cfg").read_text()
    assert "50000ms" in router
    assert served.ask("MainPID", UNIT) == pid


def test_a_restart_keeps_the_service_its_low_ports_and_the_lane(served: GatewaySite) -> None:
    site = served
    pid, restarts = site.ask("MainPID", UNIT), site.ask("NRestarts", UNIT)
    [lane] = site.machine.processes("ssh")

    said = site.program("gateway", "restart").stdout

    assert said.startswith("restarted in ")
    site.wait_routed()
    site.wait_for("ActiveState", "active", UNIT)
    assert (site.ask("MainPID", UNIT), site.ask("NRestarts", UNIT)) == (pid, restarts)
    assert [each.pid for each in site.machine.processes("ssh")] == [lane.pid]
    assert is_alive(lane)


def test_a_killed_gateway_comes_back_and_its_agent_with_it(served: GatewaySite) -> None:
    site = served
    pid = site.ask("MainPID", UNIT)
    old = [*site.machine.processes("haproxy"), *site.machine.processes("sshd")]

    site.main().kill()

    wait_until(lambda: site.ask("MainPID", UNIT) not in {"0", pid}, what="another gateway")
    site.wait_routed()
    assert not any(map(is_alive, old))


def test_it_is_up_by_itself_after_the_power_was_cut(served: GatewaySite) -> None:
    served.machine.reboot()
    served.wait_routed()
    assert served.ask("NRestarts", UNIT) == "0"


def test_stop_leaves_no_process_and_purge_nothing_at_all(served: GatewaySite) -> None:
    site = served

    site.machine.run("systemctl", "stop", UNIT, timeout=10)

    assert site.ask("Result", UNIT) == "success"
    assert site.machine.processes("haproxy") == site.machine.processes("sshd") == []
    site.program("service", "uninstall", "--gateway")
    assert site.machine.path(f"{STATE}/registry.sqlite").exists()
    assert site.machine.path(CONFIG).exists()
    site.program("service", "uninstall", "--gateway", "--purge")
    assert not site.machine.path(STATE).exists()
    assert site.ask("ActiveState") == "active", "the agent is not touched"
    site.program("service", "uninstall", "--purge")
    left = site.machine.out("find", "/etc", "/var/lib", "/run", "-name", "*ground2cloud*")
    assert left == ""
    for database in ("passwd", "group"):
        assert "ground2cloud" not in site.machine.out("getent", database)
