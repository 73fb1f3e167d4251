"""Windows under Wine: the package's own tests, and the service that NSSM runs.

What Wine can't show is in docs/install-windows.md, with a checklist for a real Windows.
"""

import os
import re
import signal
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from ground2cloud.errors import EXIT_CONFIG, EXIT_FAILURE
from ground2cloud.service.access import ADMINISTRATORS, SYSTEM, service_sid
from tests.lab.httpapp import HttpApp
from tests.lab.ports import free_port
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import wait_until
from tests.services.lab.windows import HOME, SERVICE, WindowsSite
from tests.services.lab.wine import CHECKOUT, NSSM, PYTHON, Wine
from tests.services.wine_cannot import CANNOT, GATEWAY, POSIX

pytestmark = [pytest.mark.lane("nssm"), pytest.mark.timeout(300)]

FILES = CHECKOUT / "service_wrappers" / "windows"
STOP_WITHIN = 15.0
CTRL_BREAK_EVENT, CTRL_LOGOFF_EVENT = 1, 5
SERVICE_SPECIFIC_ERROR = 1066
RESTART_WITHIN = 40.0
"""Seconds; NSSM waits some before it starts again what ended soon."""


@pytest.fixture(scope="module")
def wine() -> Iterator[Wine]:
    """A Windows; the first one of a machine is made in one or two minutes."""
    with Wine() as up:
        yield up


@pytest.fixture(scope="module")
def site(wine: Wine) -> Iterator[WindowsSite]:
    """A gateway, an application and a good configuration; the service is not yet installed."""
    wine.nssm("stop", SERVICE)
    wine.nssm("remove", SERVICE, "confirm")
    with ThrowawaySshd() as sshd, HttpApp() as app:
        made = WindowsSite(wine, sshd, app)
        made.configure()
        wine.calls()
        yield made


@pytest.fixture(scope="module")
def said(site: WindowsSite) -> str:
    """What the installation by the command says; the service is installed and running then."""
    return site.install()


@pytest.fixture
def served(site: WindowsSite, said: str) -> WindowsSite:
    """The same, and the application can be reached."""
    assert said
    if site.state() != "SERVICE_RUNNING":
        site.start()
    site.wait_served()
    return site


@pytest.mark.timeout(900)
def test_the_units_and_the_integration_on_windows(wine: Wine) -> None:
    """What can't be run is in wine_cannot.py, with the reason."""
    code, out = wine.python(
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "--numprocesses=2", "--tb=short"),
        *("--dist=worksteal", "--basetemp=C:\\t", f"--ignore-glob={POSIX}"),
        *(f"--ignore={path}" for path in GATEWAY),
        *(f"--deselect={test}" for test in CANNOT),
        *("tests/unit", "tests/integration"),
        timeout=870,
    )
    assert code == 0, out[-20_000:]


@pytest.mark.shows("start", "with the machine; as `NT SERVICE\\ground2cloud`")
def test_install_sets_what_the_golden_file_has(served: WindowsSite, said: str) -> None:
    assert f"{SERVICE} is installed: nssm starts it with the machine" in said
    assert "it is running" in said
    exits = [served.wine.nssm("get", SERVICE, "AppExit", code).strip() for code in ("0", "78")]
    assert exits == ["Restart", "Exit"]  # `nssm dump` shows the first of them twice
    assert served.dump() == (FILES / "nssm.dump").read_text("utf-8")


def test_account_recovery_and_access_are_asked_of_windows(served: WindowsSite) -> None:
    """What Windows makes of these commands, Wine can't show."""
    calls = served.wine.calls()
    account = f"NT SERVICE\\{SERVICE}"
    assert ["sc", "config", SERVICE, "obj=", account] in calls
    actions = "restart/5000/restart/60000/restart/300000"
    assert ["sc", "failure", SERVICE, "reset=", "86400", "actions=", actions] in calls
    assert ["sc", "failureflag", SERVICE, "0"] in calls
    sid = service_sid(SERVICE)
    everyone = [f"*{SYSTEM}:F", f"*{ADMINISTRATORS}:F", f"*{sid}:R"]
    key = f"{HOME}\\id_ed25519"
    assert ["icacls", key, "/inheritance:r", "/grant:r", *everyone, "/q"] in calls


def test_to_install_again_changes_nothing(served: WindowsSite) -> None:
    agents = served.agents()
    assert "wrote" not in served.install()
    served.wine.calls()
    assert served.agents() == agents


def test_a_new_setting_restarts_it(served: WindowsSite) -> None:
    """As after an update: what an earlier version wrote is replaced."""
    agents = served.agents()
    assert "wrote" in served.install_as_another()
    assert not set(agents) & set(served.agents())
    served.wait_served()


def test_a_start_that_fails_is_said(served: WindowsSite) -> None:
    """Here because NSSM is not where Windows was told."""
    served.wine.nssm("stop", SERVICE)
    served.wine.nssm("set", SERVICE, "ImagePath", "C:\\gone.exe")
    code, said = served.wine.ground2cloud("service", "install")
    served.wine.nssm("set", SERVICE, "ImagePath", f'"{NSSM}"')
    assert code == EXIT_FAILURE, said
    assert f"nssm.exe' start {SERVICE}: {SERVICE}: START: " in said
    assert "it is running" not in said


def test_status_tells_whether_it_runs(served: WindowsSite) -> None:
    code, out = served.wine.ground2cloud("service", "status")
    assert (code, "current" in out, "running" in out) == (0, True, True), out


@pytest.mark.shows("reload", "an edit of the file, or `ground2cloud reload`")
def test_an_edit_of_the_file_is_taken_up(served: WindowsSite) -> None:
    agents, further = served.agents(), free_port()
    services = [served.service("app", served.port), served.service("more", further)]
    served.edit(service=services)
    served.wait_served(further)
    assert served.agents() == agents


def test_rotation_loses_nothing_while_a_reader_has_the_file_open(wine: Wine) -> None:
    """A file that another process has open can't be renamed on Windows."""
    wine.path("C:\\rotating").mkdir(exist_ok=True)
    for file in wine.path("C:\\rotating").iterdir():
        file.unlink()
    code, out = wine.python("-m", "tests.services.lab.rotating", "C:\\rotating", timeout=100)
    assert code == 0, out


@pytest.mark.shows("crash", "no ssh.exe is left over; NSSM starts it again")
def test_kill_9_leaves_no_ssh_and_it_comes_back(served: WindowsSite) -> None:
    agents, clients = served.agents(), served.ssh()
    assert agents
    assert clients
    for pid in agents:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not set(clients) & set(served.ssh()), what="the end of ssh.exe")
    wait_until(
        lambda: set(served.agents()) - set(agents), timeout=RESTART_WITHIN, what="a new agent"
    )
    served.wait_served()


def test_a_logoff_of_another_user_is_nothing_to_it(served: WindowsSite) -> None:
    """Wine has no logoff: the event is sent as Windows sends it, into the agent's process.

    The same with Ctrl-Break shows that it arrives: that one stops the agent, NSSM starts another.
    """
    agents, clients, lines = served.agents(), served.ssh(), len(served.lines())
    served.send(CTRL_LOGOFF_EVENT)
    time.sleep(2)
    assert (served.agents(), served.ssh()) == (agents, clients)
    assert served.lines()[lines:] == []
    served.send(CTRL_BREAK_EVENT)
    wait_until(lambda: not set(agents) & set(served.agents()), what="the end of the agent")
    wait_until(served.agents, timeout=RESTART_WITHIN, what="a new agent")
    served.wait_served()


@pytest.mark.shows("stop", "`nssm stop`: Ctrl-C, ends cleanly, and nothing is left running")
def test_nssm_stop_ends_it_cleanly(served: WindowsSite) -> None:
    began = time.monotonic()
    assert "STOP: Success" in served.wine.nssm("stop", SERVICE)
    assert time.monotonic() - began < STOP_WITHIN
    assert not served.agents()
    assert not served.ssh()
    assert served.lines()[-1].endswith("stopped")


@pytest.mark.shows("exit 78", "stays stopped")
def test_exit_78_stays_stopped(served: WindowsSite) -> None:
    good = served.config.read_text("utf-8")
    served.wine.nssm("stop", SERVICE)
    served.config.write_text("nonsense", "utf-8")
    served.wine.nssm("start", SERVICE)
    wait_until(lambda: served.state() == "SERVICE_STOPPED", timeout=30, what="the service's end")
    time.sleep(6)  # longer than NSSM's first pause
    assert served.state() == "SERVICE_STOPPED"
    assert not served.agents()
    assert "agent.toml" in (served.home / "logs" / "bootstrap.log").read_text("utf-8")
    # To Windows that is a failure with a code: why `sc failureflag` is 0.
    _, said = served.wine.run("C:\\windows\\system32\\sc.exe", "query", SERVICE)
    assert re.search(rf"WIN32_EXIT_CODE +: {SERVICE_SPECIFIC_ERROR} ", said), said
    assert re.search(rf"SERVICE_EXIT_CODE +: {EXIT_CONFIG} ", said), said
    code, out = served.wine.ground2cloud("check", "--config", f"{HOME}\\agent.toml")
    assert code == EXIT_CONFIG, out
    served.config.write_text(good, "utf-8")


def test_uninstall_leaves_configuration_key_and_log(served: WindowsSite) -> None:
    """It runs last."""
    code, out = served.wine.ground2cloud("service", "uninstall")
    assert code == 0, out
    wait_until(lambda: "Can't open service" in served.state(), what="no service any more")
    assert not served.agents()
    assert served.config.exists()
    assert (served.home / "id_ed25519").exists()
    assert served.log.exists()
    assert not (served.home / "ground2cloud.nssm.txt").exists()
    code, out = served.wine.ground2cloud("service", "uninstall")
    assert code == 0, out


@pytest.mark.parametrize("name", ["install.ps1", "uninstall.ps1"])
def test_powershell_can_be_parsed(name: str) -> None:
    parser = Parser(Language(tree_sitter_powershell.language()))
    tree = parser.parse((FILES / name).read_bytes())
    assert not _faults(tree.root_node)
    assert _faults(parser.parse(b"if ($x { 'no' }").root_node)


def test_winsw_is_well_formed() -> None:
    root = ET.parse(FILES / "winsw.xml").getroot()  # noqa: S314 - it is ours
    assert root.tag == "service"
    assert root.findtext("id") == SERVICE
    assert (root.findtext("arguments") or "").endswith("--quiet")


def test_the_python_is_one_with_a_console(wine: Wine) -> None:
    assert wine.python("-c", "import sys; print(sys.executable)") == (0, f"{PYTHON}\n")


def _faults(node: Node) -> list[str]:
    if not node.has_error:
        return []
    own = [f"{node.start_point}: {node.type}"] if node.is_error or node.is_missing else []
    return own + [fault for child in node.children for fault in _faults(child)]
