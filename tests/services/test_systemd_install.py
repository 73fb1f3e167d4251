"""systemd: what `service install` and `uninstall` do, on a machine that has booted it."""

import pytest

from tests.services.lab import program
from tests.services.lab.machine import Gateway, Machine
from tests.services.lab.site import CONFIG, DIRECTORY, KEY, UNIT, Site

pytestmark = pytest.mark.lane("systemd")

FILES = {
    "ground2cloud.service": "/etc/systemd/system/ground2cloud.service",
    "ground2cloud.conf": "/etc/sysusers.d/ground2cloud.conf",
}


def owner(machine: Machine, path: str) -> str:
    return machine.out("stat", "--format=%U:%G %a", path)


@pytest.mark.shows("start", "ready when the configuration is valid; `STATUS=1/1 up`")
def test_a_person_follows_the_page_from_init_to_a_running_service(
    machine: Machine, gateway: Gateway
) -> None:
    """docs/install-linux.md, word for word, but for the gateway's authorized_keys."""
    site = Site(machine, gateway)
    answers = {
        "--host": "127.0.0.1",
        "--ssh-port": str(gateway.port),
        "--user": gateway.user,
        "--host-key": gateway.host_key,
        "--port": str(gateway.app),
        "--remote-port": str(site.port),
    }
    said = site.program("init", *(word for pair in answers.items() for word in pair)).stdout
    (line,) = (line for line in said.splitlines() if "ssh-ed25519" in line)
    gateway.allow(line.strip())
    site.program("check")
    site.program("doctor")

    said = site.install().stdout

    assert "it is running" in said
    site.wait_served()
    assert site.ask("StatusText") == "1/1 up"
    assert site.ask("UnitFileState") == "enabled"
    assert "up" in site.program("status").stdout
    assert site.program("healthcheck").stdout == "1/1 up\n"
    assert "active (running)" in site.program("service", "status").stdout
    site.program("doctor")


def test_the_account_has_what_it_needs_and_no_more(running: Site) -> None:
    machine = running.machine
    assert owner(machine, DIRECTORY) == "root:ground2cloud 750"
    assert owner(machine, CONFIG) == "root:ground2cloud 640"
    assert owner(machine, KEY) == "ground2cloud:ground2cloud 600"
    assert owner(machine, "/var/lib/ground2cloud") == "ground2cloud:ground2cloud 700"
    entry = machine.out("getent", "passwd", "ground2cloud").split(":")
    assert entry[5:] == ["/var/lib/ground2cloud", "/usr/sbin/nologin"]
    assert machine.out("ps", "-o", "user:40=", "-p", running.pid) == "ground2cloud"


def test_what_is_written_is_what_print_prints(running: Site) -> None:
    printed = running.program("service", "print").stdout
    for name, path in FILES.items():
        text = running.machine.path(path).read_text()
        assert text in printed
        assert text == running.program("service", "print", name).stdout


def test_twice_is_as_good_as_once(running: Site) -> None:
    pid = running.pid
    said = running.install().stdout
    assert "wrote" not in said
    assert running.pid == pid
    assert running.is_served()


def test_a_unit_that_somebody_changed_is_shown_and_kept(running: Site) -> None:
    unit = running.machine.path(FILES[UNIT])
    mine = unit.read_text().replace("RestartSec=2", "RestartSec=7")
    unit.write_text(mine)

    refused = running.install(check=False)

    assert refused.returncode == 1
    assert "-RestartSec=7\n+RestartSec=2\n" in refused.stdout
    assert "somebody changed it" in refused.stderr
    assert unit.read_text() == mine
    assert "kept" in running.program("service", "uninstall").stdout
    assert unit.read_text() == mine
    running.install("--force")
    assert "RestartSec=2\n" in unit.read_text()
    running.wait_served()


@pytest.mark.parametrize("kind", ["missing", "bad", "unreadable"])
@pytest.mark.shows("exit 78", "failed, not started again (0 restarts)")
def test_an_unusable_configuration_is_installed_but_not_retried(
    machine: Machine, gateway: Gateway, kind: str
) -> None:
    site = Site(machine, gateway)
    if kind != "missing":
        site.configure()
    if kind == "bad":
        site.spoil()
    said = site.install().stdout
    if kind == "unreadable":
        machine.run("systemctl", "stop", UNIT)
        machine.run("chown", "root:root", CONFIG)
    else:
        assert "not started" in said
        assert site.ask("ActiveState") == "inactive"

    assert machine.run("systemctl", "start", UNIT, check=False).returncode != 0

    site.wait_for("ActiveState", "failed")
    assert site.ask("ExecMainStatus") == "78"
    assert site.ask("NRestarts") == "0"
    site.configure()
    assert "it is running" in site.install().stdout
    site.wait_served()


def test_without_roots_rights_the_commands_are_printed_and_they_do_the_same(
    site: Site,
) -> None:
    machine = site.machine
    machine.run("chmod", "-R", "a+rX", DIRECTORY)
    machine.run("useradd", "--create-home", "walter")

    refused = machine.run("su", "walter", "-c", "ground2cloud service install", check=False)

    assert refused.returncode == 1
    assert "service install --manager systemd" in refused.stderr
    assert not machine.path(FILES[UNIT]).exists()
    machine.run("sh", "-ex", stdin=refused.stdout)
    site.wait_served()
    assert "wrote" not in site.install().stdout
    assert owner(machine, KEY) == "ground2cloud:ground2cloud 600"

    refused = machine.run(
        "su", "walter", "-c", "ground2cloud service uninstall --purge", check=False
    )
    machine.run("sh", "-ex", stdin=refused.stdout)
    assert not machine.path(FILES[UNIT]).exists()
    assert not machine.path(DIRECTORY).exists()
    assert machine.run("getent", "passwd", "ground2cloud", check=False).returncode != 0


def test_a_program_that_the_account_cannot_reach_is_refused(site: Site) -> None:
    site.machine.run("cp", "-a", program.HOME, "/root/private")
    place = "/root/private/bin/python"
    refused = site.machine.run(place, "-m", "ground2cloud", "service", "install", check=False)
    assert refused.returncode == 1
    assert "/root is not for others" in refused.stderr
    assert not site.machine.path(FILES[UNIT]).exists()


def test_uninstall_keeps_what_took_pains_to_make(running: Site) -> None:
    machine, key = running.machine, running.machine.path(KEY).read_text()
    log = machine.path("/var/log/ground2cloud/agent.log").read_text()

    running.program("service", "uninstall")

    assert machine.run("systemctl", "cat", UNIT, check=False).returncode != 0
    assert running.ssh() == []
    assert not running.is_served()
    assert machine.path(KEY).read_text() == key
    assert machine.path(CONFIG).exists()
    assert machine.path("/var/log/ground2cloud/agent.log").read_text().startswith(log)
    assert owner(machine, KEY).startswith("ground2cloud:")
    assert running.program("service", "uninstall").returncode == 0, "twice does no harm"


def test_purge_leaves_nothing(running: Site) -> None:
    machine = running.machine
    running.program("service", "uninstall", "--purge")
    found = machine.out(
        *("find", "/etc", "/var/lib", "/var/log", "/run"),
        *("-name", "*ground2cloud*", "-not", "-path", "/run/log/*"),
    )
    assert found == ""
    assert machine.run("getent", "passwd", "ground2cloud", check=False).returncode != 0
    assert machine.run("getent", "group", "ground2cloud", check=False).returncode != 0


@pytest.mark.parametrize("way", ["uninstall", "over"])
def test_a_newer_version_goes_on_with_key_port_and_log(
    running: Site, wheels: dict[str, str], way: str
) -> None:
    """Whether the old one is uninstalled first, or the new one is installed over it."""
    machine = running.machine
    key = machine.path(KEY).read_text()
    unit = machine.path(FILES[UNIT])
    if way == "uninstall":
        running.program("service", "uninstall")
    machine.run("sh", "-exc", program.installation(wheels["newer"]))
    assert running.program("--version").stdout == "ground2cloud 99.0.0\n"
    before = unit.read_text() if unit.exists() else None

    running.install()
    if before == unit.read_text():
        machine.run("systemctl", "restart", UNIT)

    running.wait_served()
    assert machine.path(KEY).read_text() == key
    log = machine.path("/var/log/ground2cloud/agent.log").read_text()
    assert "ground2cloud 99.0.0 with" in log
    assert log.index("ground2cloud 0.") < log.index("ground2cloud 99.0.0")
