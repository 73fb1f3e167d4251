"""Sites whose machine boots runit, s6 or OpenRC, and what each of these calls things."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.lab.waiting import wait_until
from tests.services.lab.machine import Gateway, Lab, Machine
from tests.services.lab.program import INITS
from tests.services.lab.site import Site

GIVEN_UP = "the configuration cannot be used: staying down"
"""What every wrapper prints when it doesn't try again."""

LOGS = "/var/log/ground2cloud"


@dataclass(frozen=True, slots=True)
class Init:
    """A service manager.

    `process` is its process 1, which a script of the same name in this directory becomes, and
    `sign` what is there when it has: before, nobody can tell what runs the machine. The commands
    are what a person types; `console` is where the agent's output is kept.
    """

    name: str
    process: str
    sign: str
    start: str
    stop: str
    restart: str
    hup: str
    console: str


RUNIT = Init(
    name="runit",
    process="runsvdir",
    sign="/etc/service.ours",
    start="sv up ground2cloud",
    stop="sv -w 20 down ground2cloud",
    restart="sv -w 20 force-restart ground2cloud",
    hup="sv hup ground2cloud",
    console=f"{LOGS}/console/current",
)
S6 = Init(
    name="s6",
    process="s6-svscan",
    sign="/run/service/.s6-svscan",
    start="s6-svc -u /run/service/ground2cloud",
    stop="s6-svc -wD -T 25000 -d /run/service/ground2cloud",
    restart="cd /run/service && s6-svc -wD -T 25000 -d ground2cloud && s6-svc -u ground2cloud",
    hup="s6-svc -h /run/service/ground2cloud",
    console=f"{LOGS}/console/current",
)
OPENRC = Init(
    name="openrc",
    process="openrc-init",
    sign="/run/openrc/softlevel",
    start="rc-service ground2cloud start",
    stop="rc-service ground2cloud stop",
    restart="rc-service ground2cloud restart",
    hup="rc-service ground2cloud reload",
    console=f"{LOGS}/console.log",
)


class OtherSite(Site):
    """A site on a machine that doesn't run systemd."""

    def __init__(self, init: Init, machine: Machine, gateway: Gateway) -> None:
        super().__init__(machine, gateway)
        self.init = init

    def shell(self, command: str) -> str:
        """Run a line of shell as root; return all that it wrote."""
        return self.machine.run("sh", "-c", f"{command} 2>&1").stdout

    def runs(self) -> bool:
        """Whether `service status` says so."""
        return self.program("service", "status", check=False).returncode == 0

    def log(self) -> str:
        """Return the agent's own log."""
        return self._read(f"{LOGS}/agent.log")

    def given_up(self) -> int:
        """Return how often the wrapper said that it does not try again."""
        return self._read(self.init.console).count(GIVEN_UP)

    def agent(self) -> psutil.Process:
        """Return the agent's process, as seen from outside.

        Raises:
            ProcessLookupError: there is none.
        """
        for process in psutil.Process(self.machine.pid_one).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                words = process.cmdline()
                if words[1:] and Path(words[1]).name == "ground2cloud" and "run" in words:
                    return process
        raise ProcessLookupError

    def is_clear(self) -> bool:
        """Whether there is neither an agent nor an ssh."""
        try:
            self.agent()
        except ProcessLookupError:
            return not self.ssh()
        return False

    def stays_clear(self, seconds: float) -> bool:
        """Whether neither appears for so long."""
        try:
            wait_until(lambda: not self.is_clear(), timeout=seconds, what="a new agent")
        except AssertionError:
            return True
        return False

    def reboot(self) -> None:
        """Cut the power and boot again, with the same disk."""
        self.machine.down()
        self.power_on()

    def power_on(self) -> None:
        """Boot, and wait until it can be seen what runs the machine."""
        self.machine.power_on()
        sign = self.machine.path(self.init.sign)
        wait_until(sign.exists, what=f"{self.init.sign} of {self.init.name}")

    def _read(self, path: str) -> str:
        try:
            return self.machine.path(path).read_text("utf-8", "replace")
        except FileNotFoundError:
            return ""


@contextmanager
def other_site(init: Init, lab: Lab, gateway: Gateway, name: str) -> Iterator[OtherSite]:
    """Boot a machine called `name` with this init, and configure the agent on it."""
    machine = Machine(lab, name, (str(INITS / init.process),))
    try:
        site = OtherSite(init, machine, gateway)
        site.power_on()
        site.configure()
        yield site
    finally:
        machine.__exit__()
