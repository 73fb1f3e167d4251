"""systemd: a service that is started, reloaded, killed, stopped and booted for real."""

import re
import signal

import psutil
import pytest

from tests.lab.waiting import wait_until
from tests.services.lab.machine import Machine
from tests.services.lab.site import CONFIG, KEY, UNIT, Site

pytestmark = pytest.mark.lane("systemd")


def drop_in(site: Site, name: str, text: str = "", unit: str = UNIT) -> None:
    """Put a drop-in beside the unit: this one, or one that the program prints."""
    path = f"/etc/systemd/system/{unit}.d/{name}.conf"
    if text:
        site.machine.write(path, text)
    else:
        printed = f"ground2cloud service print {name}.conf"
        site.machine.run("sh", "-c", f"{printed} | install -D -m 644 /dev/stdin {path}")
    site.machine.run("systemctl", "daemon-reload")


def main_process(site: Site) -> psutil.Process:
    """The agent, seen from outside."""
    (process,) = (
        process
        for process in site.machine.processes("ground2cloud")
        if process.ppid() == site.machine.pid_one
    )
    return process


@pytest.mark.shows("reload", "waits until it is applied; connections of the other services stay")
def test_a_good_reload_is_applied_when_it_returns(running: Site) -> None:
    second = running.gateway.free_port()
    pid, ssh = running.pid, running.ssh()
    running.edit(running.port, second)

    running.machine.run("systemctl", "reload", UNIT)

    assert running.is_served(second)
    assert running.pid == pid
    assert running.ssh() == ssh
    assert running.ask("StatusText") == "2/2 up"


@pytest.mark.shows("reload", "a bad file: `systemctl reload` fails, what runs goes on")
def test_a_bad_reload_fails_and_says_why_and_what_runs_goes_on(running: Site) -> None:
    pid, ssh = running.pid, running.ssh()
    running.spoil()

    assert running.machine.run("systemctl", "reload", UNIT, check=False).returncode != 0

    assert running.is_served()
    assert (running.pid, running.ssh()) == (pid, ssh)
    assert running.ask("ActiveState") == "active"
    assert "agent.toml: gateway.hots_key" in running.words()
    running.edit()
    running.machine.run("systemctl", "reload", UNIT)


@pytest.mark.shows(
    "hang", "ended by the watchdog (30 s; here 2 s), stacks in the journal; served again"
)
def test_an_agent_that_hangs_is_ended_by_the_watchdog_and_says_where_it_hung(site: Site) -> None:
    drop_in(site, "quick", "[Service]\nWatchdogSec=2\n")
    site.install()
    site.wait_served()
    pid, old = site.pid, site.ssh()

    main_process(site).send_signal(signal.SIGSTOP)

    wait_until(lambda: site.pid not in {"0", pid}, timeout=30, what="another agent", interval=0.2)
    site.wait_served()
    assert not any(process.is_running() for process in old)
    words = site.words()
    assert "Watchdog timeout" in words
    assert "Fatal Python error: Aborted" in words
    assert re.search(r'File ".*asyncio/.*", line \d+ in ', words)
    assert site.ask("NRestarts") == "1"


@pytest.mark.shows("crash", "started again after 2 s, no ssh left over, served again")
def test_a_killed_agent_comes_back_and_leaves_no_ssh(running: Site) -> None:
    pid, old = running.pid, running.ssh()

    main_process(running).kill()

    wait_until(lambda: running.pid not in {"0", pid}, what="another agent", interval=0.1)
    running.wait_served()
    assert not any(process.is_running() for process in old)
    running.wait_alone()
    assert running.ask("NRestarts") == "1"


@pytest.mark.shows("stop", "ends within 5 s, leaves no process; the gateway's port is free")
def test_stop_leaves_nothing(running: Site) -> None:
    running.machine.run("systemctl", "stop", UNIT, timeout=5)

    assert running.ask("Result") == "success"
    assert running.ask("ExecMainStatus") == "0"
    assert running.machine.processes("ground2cloud") == running.ssh() == []
    assert not running.is_served()
    assert not running.machine.path("/run/ground2cloud").exists()
    assert "\nstopped\n" in running.words()


@pytest.mark.shows("reboot", "up by itself, also after a power cut")
def test_it_is_up_by_itself_after_the_power_was_cut(running: Site) -> None:
    running.machine.reboot()

    running.wait_served()
    assert running.ask("NRestarts") == "0"
    assert running.program("healthcheck").returncode == 0


def test_the_journal_has_priorities_and_fields(running: Site) -> None:
    entries = {entry.get("G2C_EVENT"): entry for entry in running.journal()}
    ready = entries["lane-ready"]
    assert ready["PRIORITY"] == "6"
    assert ready["SYSLOG_IDENTIFIER"] == "ground2cloud"
    assert ready["G2C_LANE"] == "lane1"
    running.spoil()
    running.machine.run("systemctl", "reload", UNIT, check=False)
    bad = running.journal("--priority=err", "G2C_EVENT=config-bad")[0]
    assert bad["PRIORITY"] == "3"
    by_field = running.machine.out("journalctl", "--output=cat", "G2C_LANE=lane1")
    assert "ready in" in by_field


def test_the_log_file_says_what_the_journal_says(running: Site) -> None:
    own = [entry["MESSAGE"] for entry in running.journal() if "G2C_EVENT" in entry]
    assert own
    # Read after the journal: a record may come between the two.
    log = running.machine.path("/var/log/ground2cloud/agent.log").read_text()
    assert [message for message in own if message not in log] == []


def test_two_agents_of_one_machine_know_nothing_of_each_other(running: Site) -> None:
    machine, unit = running.machine, "ground2cloud@berlin.service"
    config = "/etc/ground2cloud/berlin.toml"
    berlin = Site(machine, running.gateway)
    berlin.configure(path=config)
    berlin.install("--instance", "berlin")
    berlin.wait_served()
    assert berlin.program("healthcheck", "--config", config).stdout == "1/1 up\n"
    assert f"app{running.port}" in running.program("status").stdout
    assert f"app{berlin.port}" in running.program("status", "--config", config).stdout

    machine.run("systemctl", "stop", UNIT)

    assert not running.is_served()
    assert berlin.is_served()
    machine.run("systemctl", "reload", unit)
    running.program("service", "uninstall", "--purge")
    assert berlin.is_served()
    assert machine.path(KEY).exists(), "the other instance needs it"
    machine.run("systemctl", "restart", unit)
    berlin.wait_served()
    berlin.program("service", "uninstall", "--purge", "--instance", "berlin")
    assert not machine.path("/etc/ground2cloud").exists()
    assert not machine.path("/etc/systemd/system/ground2cloud@.service").exists()


def test_instances_share_a_unit_that_stays_until_the_last_one_goes(site: Site) -> None:
    template = site.machine.path("/etc/systemd/system/ground2cloud@.service")
    for name in ("berlin", "paris"):
        site.program("service", "install", "--instance", name)
    site.program("service", "uninstall", "--instance", "berlin")
    assert template.exists()
    site.program("service", "uninstall", "--instance", "paris")
    assert not template.exists()


@pytest.mark.parametrize("kind", ["dynamic-user", "key-credential"])
def test_the_key_may_stay_roots(site: Site, kind: str) -> None:
    """And the account need not exist beyond the run."""
    credential = f"/run/credentials/{UNIT}/identity"
    site.configure(identity_file=credential)
    site.install("--no-start")
    site.machine.run("chown", "root:root", KEY)
    drop_in(site, kind)

    site.machine.run("systemctl", "start", UNIT)

    site.wait_served()
    user = site.machine.out("ps", "-o", "user:40=", "-p", site.pid)
    assert user == ("ground2cloud-dynamic" if kind == "dynamic-user" else "ground2cloud")
    main_process(site).kill()
    site.wait_for("NRestarts", "1")
    site.wait_served()
    site.program("service", "uninstall", "--purge")
    assert not site.machine.path("/var/lib/private/ground2cloud").exists()


def test_the_allow_list_keeps_the_agent_from_every_other_address(site: Site) -> None:
    """The gateway's address is not in it at first."""
    site.install("--no-start")
    drop_in(site, "ip-allow-list")
    unlisted = "[Service]\nIPAddressAllow=\nIPAddressAllow=127.0.0.2\n"
    drop_in(site, "unlisted", unlisted)
    site.machine.run("systemctl", "start", UNIT)
    site.machine.run("sh", "-c", "sleep 2")
    assert not site.is_served()
    site.machine.path(f"/etc/systemd/system/{UNIT}.d/unlisted.conf").unlink()
    site.machine.run("systemctl", "daemon-reload")
    site.machine.run("systemctl", "restart", UNIT)
    site.wait_served()


def test_a_user_without_roots_rights_has_a_service_of_ones_own(
    machine: Machine, site: Site
) -> None:
    machine.run("useradd", "--create-home", "walter")
    machine.run("sh", "-c", f"mv {CONFIG} {KEY} /tmp; chmod 644 /tmp/agent.toml /tmp/id_ed25519")
    machine.run("loginctl", "enable-linger", "walter")
    uid = machine.out("id", "-u", "walter")

    def walter(command: str) -> str:
        line = f"export XDG_RUNTIME_DIR=/run/user/{uid}; {command}"
        return machine.out("su", "walter", "-s", "/bin/sh", "-c", line)

    own = "$HOME/.config/ground2cloud"
    walter(f"umask 077; mkdir -p {own}; cp /tmp/agent.toml /tmp/id_ed25519 {own}")
    wait_until(lambda: walter("systemctl --user is-system-running || true"), what="walter's")

    walter("ground2cloud service install --manager systemd-user")

    site.wait_served()
    assert walter("ground2cloud healthcheck") == "1/1 up"
    walter("systemctl --user reload ground2cloud")
    (agent,) = machine.processes("ground2cloud")
    agent.kill()
    wait_until(lambda: not agent.is_running(), what="its end")
    site.wait_served()
    machine.reboot()
    site.wait_served()
    walter("ground2cloud service uninstall --manager systemd-user --purge")
    assert walter("find $HOME -name '*ground2cloud*'") == ""
