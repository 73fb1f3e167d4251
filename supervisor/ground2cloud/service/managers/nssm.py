r"""NSSM: runs the agent as a service of Windows, under the virtual account `NT SERVICE\NAME`.

Its settings live in the registry. What is written beside them is a record: it tells whether an
installation changed anything, and a person what is set.
"""

import os
import subprocess  # noqa: TID251 - list2cmdline only: how Windows' programs split a command line
import sys
from collections.abc import Iterator
from pathlib import Path

from ground2cloud.errors import EXIT_CONFIG
from ground2cloud.service import common
from ground2cloud.service.access import access, only_for
from ground2cloud.service.context import Context
from ground2cloud.service.nssm_program import find
from ground2cloud.service.plan import Directory, Run, Service

STOP_WITHIN = 15_000
"""Milliseconds that the agent has after Ctrl-C, before NSSM ends it hard."""

_NOT_WINDOW_NOT_THREADS = 6
"""Ways of stopping that are skipped: messages to windows (2) and to threads (4); it has neither."""

_THROTTLE = 5_000
"""Milliseconds: an agent that ends earlier is started again after a growing pause."""

_RECOVERY = "restart/5000/restart/60000/restart/300000"
"""What Windows does when NSSM itself is gone, and after how many milliseconds."""

_FORGET_FAILURES = 86_400
"""Seconds without one after which the count begins anew."""

_IS_RUNNING = """
import sys, psutil
status = psutil.win_service_get(sys.argv[1]).status()
print(status)
sys.exit(status != "running")
"""

_COMES_UP = """
import sys, time, psutil
service, end = psutil.win_service_get(sys.argv[1]), time.monotonic() + 60
while (status := service.status()) == "start_pending" and time.monotonic() < end:
    time.sleep(0.2)
sys.exit(status != "running")
"""
"""NSSM ends with 1 also when the service runs already, and when it takes longer than 2 s to run."""


def service(context: Context) -> Service:
    """Describe the service `ground2cloud`, or `ground2cloud-INSTANCE`.

    Raises:
        Ground2CloudError: there is no NSSM on this machine, or it is too old.
    """
    return describe(context, find(Path(context.program[0]).parent))


def describe(context: Context, nssm: Path) -> Service:
    """Describe the service as this NSSM runs it."""
    name = context.name
    log = context.directories.logs / "agent.log"
    every = tuple(settings(context))
    record = context.file(
        context.directories.configuration / f"{name}.nssm.txt",
        "windows/nssm.txt.j2",
        settings=[(key, " ".join(values)) for key, *values in every],
    )
    program, arguments = _program(context)
    call = str(nssm)
    comes_up = (_console(sys.executable), "-c", _COMES_UP, name)
    return Service(
        unit=name,
        files=(record,),
        prepare=(*(Directory(path) for path in context.directories), *_access(context)),
        register=(
            # It fails when the service is there; when it fails otherwise, so does what follows.
            Run((call, "install", name, program, arguments), may_fail=True),
            *(Run((call, "set", name, *setting)) for setting in every),
            Run(("sc.exe", "config", name, "obj=", _account(name))),
            Run(
                ("sc.exe", "failure", name, "reset=", str(_FORGET_FAILURES), "actions=", _RECOVERY)
            ),
            # Not for an end with a code: NSSM stops a service with the agent's 78, and with 1 here
            # Windows would start it again after all.
            Run(("sc.exe", "failureflag", name, "0")),
        ),
        start=Run((call, "start", name), proof=comes_up),
        restart=Run((call, "restart", name), proof=comes_up),
        stop=(
            Run(("net.exe", "stop", name), if_exists=record.path, may_fail=True),
            Run(("sc.exe", "delete", name), if_exists=record.path),
        ),
        status=Run((_console(sys.executable), "-c", _IS_RUNNING, name)),
        purge=common.purge(context),
        advice={
            "start": f"nssm start {name}",
            "stop": f"nssm stop {name}",
            "restart": f"nssm restart {name}",
            "log": f"Get-Content -Wait -Tail 20 '{log}'",
        },
    )


def settings(context: Context) -> Iterator[tuple[str, ...]]:
    """Yield what is set, in the words of `nssm set`."""
    program, arguments = _program(context)
    bootstrap = str(context.directories.logs / "bootstrap.log")
    yield "Application", program
    yield "AppParameters", arguments
    yield "AppDirectory", str(context.directories.configuration)
    yield "AppExit", "Default", "Restart"
    yield "AppExit", str(EXIT_CONFIG), "Exit"
    yield "AppStopMethodSkip", str(_NOT_WINDOW_NOT_THREADS)
    yield "AppStopMethodConsole", str(STOP_WITHIN)
    yield "AppThrottle", str(_THROTTLE)
    # The service finds its directories where they were made, whatever Windows gives to services.
    yield "AppEnvironmentExtra", f"PROGRAMDATA={context.directories.configuration.parent}"
    # What is said before there is a log, and by Python when it dies. It rotates nothing.
    yield "AppStdout", bootstrap
    yield "AppStderr", bootstrap
    yield "DisplayName", f"Ground2Cloud {context.instance}".rstrip()
    yield "Description", "Keeps private applications reachable through a reverse SSH tunnel"
    yield "Start", "SERVICE_AUTO_START"


def _program(context: Context) -> tuple[str, str]:
    """Answer with the program, and with its arguments as one text: NSSM keeps it as it is."""
    program, *arguments = (*context.command("run"), "--quiet")
    return _console(program), subprocess.list2cmdline(arguments)


def _console(program: str) -> str:
    """Answer with the Python that has a console: without one there is no Ctrl-C to stop it."""
    head, tail = os.path.split(program)
    return os.path.join(head, "python.exe") if tail.lower() == "pythonw.exe" else program  # noqa: PTH118 - keeps the writing


def _account(name: str) -> str:
    return f"NT SERVICE\\{name}"


def _access(context: Context) -> Iterator[Run]:
    """Let the account read its configuration, write its own, and have its key to itself.

    Inherited rights are dropped: by default every user may read below %ProgramData%.
    """
    name = context.name
    configuration, *own = context.directories
    yield access(configuration, name, "RX")
    for path in own:
        yield access(path, name, "M")
    for key in context.keys:
        yield from only_for(key, name)
