"""What every service manager has to keep, as tests: each lane subclasses `Contract`."""

import re
import signal
from collections.abc import Iterator
from typing import ClassVar

import pytest

from tests.lab.processes import is_alive
from tests.lab.waiting import wait_until
from tests.services.lab.inits import Init, OtherSite, other_site
from tests.services.lab.machine import Gateway, Lab
from tests.services.lab.site import CONFIG

SETTLED = 6.0
"""Seconds after which each of them would have started again what ended."""


class Contract:
    """The machine boots `init` for real; `looks_first` says that it checks before each start."""

    init: ClassVar[Init]
    looks_first: ClassVar = False

    @pytest.fixture
    def fresh(
        self, request: pytest.FixtureRequest, lab: Lab, gateway: Gateway
    ) -> Iterator[OtherSite]:
        """A machine that has booted, with a configuration and without the service."""
        name = f"{self.init.name}-{request.node.name.removeprefix('test_')[:30]}"
        with other_site(self.init, lab, gateway, name) as made:
            yield made

    @pytest.fixture
    def served(self, fresh: OtherSite) -> OtherSite:
        """The same with the service installed by the command, and serving."""
        fresh.install()
        fresh.wait_served()
        return fresh

    @pytest.mark.shows("start", "by the command alone; as an account of its own")
    @pytest.mark.shows("reboot", "serves by itself")
    def test_install_is_enough_and_twice_is_as_good_as_once(self, fresh: OtherSite) -> None:
        """The manager is found by itself; the agent runs as an account of its own."""
        said = fresh.install().stdout
        assert f"{fresh.init.name} starts it with the machine" in said
        printed = fresh.program("service", "print").stdout
        paths = re.findall(r"^# (/\S+)$", printed, re.MULTILINE)
        written = [f"# {path}\n{fresh.machine.path(path).read_text()}\n" for path in paths]
        assert printed == "".join(written) != ""
        fresh.wait_served()
        agent = fresh.agent()
        assert agent.uids().real != 0
        assert {process.uids() for process in fresh.ssh()} == {agent.uids()}
        assert fresh.runs()
        assert fresh.program("healthcheck").stdout == "1/1 up\n"
        assert "wrote" not in fresh.install().stdout
        assert fresh.agent() == agent
        fresh.reboot()
        fresh.wait_served()

    def test_an_agent_that_registered_serves(self, fresh: OtherSite) -> None:
        """As root, who then owns what the registration wrote: the service gets it."""
        fresh.machine.path(CONFIG).unlink()
        service = f"app=http:127.0.0.1:{fresh.gateway.app}"
        fresh.program("register", fresh.gateway.invite(), "--service", service)
        fresh.install()
        fresh.wait_served(fresh.gateway.tunnel())
        agent = fresh.agent()
        fresh.program("rotate-key")
        fresh.install()
        assert fresh.agent() == agent
        agent.kill()
        wait_until(lambda: fresh.agent() != agent, what="another agent")
        fresh.wait_served(fresh.gateway.tunnel())

    @pytest.mark.shows(
        "reload", "SIGHUP or `ground2cloud reload`; a bad file is told, nothing changes"
    )
    def test_reload_keeps_the_agent_and_refuses_a_bad_file(self, served: OtherSite) -> None:
        agent, further = served.agent(), served.gateway.free_port()
        served.edit(served.port, further)
        served.shell(served.init.hup)
        served.wait_served(further)
        served.spoil()
        done = served.program("reload", check=False)
        assert done.returncode != 0
        assert "hots_key" in done.stdout + done.stderr
        served.wait_served()
        assert served.agent() == agent

    @pytest.mark.shows("crash", "no ssh is left over; started again, and serves at once")
    def test_a_killed_agent_leaves_no_ssh_and_the_next_one_serves(self, served: OtherSite) -> None:
        agent, old = served.agent(), served.ssh()
        agent.kill()
        wait_until(lambda: not any(map(is_alive, old)), what="the end of the old ssh")
        wait_until(lambda: served.agent() != agent, what="another agent")
        served.wait_served()
        served.wait_alone()

    @pytest.mark.shows("exit 78", "stays down, not tried again; a start by hand is obeyed")
    def test_a_configuration_gone_bad_is_not_tried_again(self, served: OtherSite) -> None:
        served.spoil()
        served.agent().kill()
        wait_until(lambda: served.given_up() == 1, what="giving up", timeout=15)
        wait_until(served.is_clear, what="the end of the agent")
        assert served.stays_clear(SETTLED)
        assert served.given_up() == 1
        assert not served.runs()
        served.edit(served.port)
        served.shell(served.init.start)
        served.wait_served()

    def test_a_configuration_bad_from_the_start_is_not_tried_again(self, fresh: OtherSite) -> None:
        fresh.spoil()
        assert "was not started" in fresh.install().stdout
        tries = 0 if self.looks_first else 1
        wait_until(lambda: fresh.given_up() == tries, what="giving up")
        wait_until(fresh.is_clear, what="no agent")
        assert fresh.stays_clear(SETTLED)
        assert fresh.given_up() == tries
        assert not fresh.runs()

    @pytest.mark.shows("hang", "not noticed by itself; `healthcheck` ends with 1, a restart helps")
    def test_a_hung_agent_is_seen_by_the_health_check_and_ended_by_a_restart(
        self, served: OtherSite
    ) -> None:
        hung = served.agent()
        hung.send_signal(signal.SIGSTOP)
        assert served.program("healthcheck", check=False).returncode == 1
        assert is_alive(hung)
        served.shell(served.init.restart)
        wait_until(lambda: not is_alive(hung), what="the end of the hung agent")
        served.wait_served()

    def test_a_further_agent_comes_and_goes_beside_the_first(self, served: OtherSite) -> None:
        first, further = served.agent(), served.gateway.free_port()
        served.configure(further, path="/etc/ground2cloud/second.toml")
        served.install("--instance", "second")
        served.wait_served(further)
        served.program("service", "uninstall", "--instance", "second", "--purge")
        assert not served.is_served(further)
        assert not served.machine.path("/etc/ground2cloud/second.toml").exists()
        assert served.is_served()
        assert served.agent() == first
        served.wait_alone()

    @pytest.mark.shows("stop", "within seconds, and nothing is left running")
    def test_stop_and_uninstall_leave_nothing_but_what_is_the_users(
        self, served: OtherSite
    ) -> None:
        served.shell(served.init.stop)
        assert served.is_clear()
        assert not served.runs()
        served.shell(served.init.start)
        served.wait_served()
        served.program("service", "uninstall")
        assert served.is_clear()
        left = served.shell("find /etc /run /usr/local -name 'ground2cloud*' | sort").split()
        assert left == ["/etc/ground2cloud", "/run/ground2cloud", "/usr/local/bin/ground2cloud"]
        assert served.machine.path(CONFIG).exists()
        served.install()
        served.wait_served()
        served.program("service", "uninstall", "--purge")
        assert served.is_clear()
        assert not served.machine.path("/etc/ground2cloud").exists()
        assert served.machine.run("id", "ground2cloud", check=False).returncode != 0
