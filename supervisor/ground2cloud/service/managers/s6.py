"""s6: a service directory, and a link to it from the scan directory of s6-svscan."""

from pathlib import Path

from ground2cloud.service import common
from ground2cloud.service.context import Context
from ground2cloud.service.plan import (
    Account,
    Directory,
    File,
    Link,
    Remove,
    RemoveTree,
    Run,
    Service,
)
from ground2cloud.service.shell import FILTERS, wait_for

SERVICES = Path("/etc/s6/services")
SCANNED = tuple(Path(path) for path in ("/run/service", "/service", "/etc/service", "/var/service"))
BOOT = Path("/etc/s6-linux-init/current/run-image/service")
"""What s6-linux-init copies to `/run/service` at each boot, where it boots the machine."""


def service(context: Context) -> Service:
    """Describe the service directory `ground2cloud`, or `ground2cloud-INSTANCE`."""
    name, user = context.name, context.user
    home = SERVICES / name
    scanned = next((path for path in SCANNED if (path / ".s6-svscan").is_dir()), SCANNED[0])
    links = tuple(path / name for path in (scanned, BOOT) if path == scanned or path.is_dir())
    live = str(scanned / name)
    return Service(
        unit=name,
        files=_files(context, home),
        prepare=(
            Account(user, context.directories.state),
            *common.owners(context),
            *common.places(context),
            Directory(context.directories.logs / "console", 0o750, user, user),
            # Milliseconds from SIGTERM to SIGKILL.
            Run(("sh", "-c", 'echo 20000 >"$1/timeout-kill"', "s6", str(home))),
        ),
        register=(
            *(Link(link, home) for link in links),
            Run(("s6-svscanctl", "-a", str(scanned))),
        ),
        start=_svc(live, "-wu -u"),
        # Not -r, which waits for ever for an agent that hangs.
        restart=_svc(live, "-wD -d", "-wu -u"),
        stop=(
            Run(("s6-svc", "-wD", "-T", "25000", "-d", live), scanned / name, may_fail=True),
            *(Remove(link) for link in links),
            # Ends what supervises it and its log.
            Run(("s6-svscanctl", "-an", str(scanned)), scanned),
            Run(wait_for('! s6-svok "$1"', home), home / "supervise"),
            Run(wait_for('! s6-svok "$1"', home / "log"), home / "log/supervise"),
        ),
        unregister=(
            *(RemoveTree(home / name) for name in ("supervise", "event", "timeout-kill")),
            *(RemoveTree(home / "log" / name) for name in ("supervise", "event")),
            Run(("rmdir", str(home / "log"), str(home)), may_fail=True),
        ),
        # s6-svstat ends with 0 for a service that is down, too.
        status=Run(
            ("sh", "-c", 's6-svstat "$1" && [ "$(s6-svstat -o up "$1")" = true ]', "s6", live)
        ),
        purge=common.purge(context),
        advice={
            "start": f"s6-svc -u {live}",
            "stop": f"s6-svc -d {live}",
            "restart": f"s6-svc -r {live}",
            "log": f"tail -F {context.directories.logs}/agent.log",
        },
    )


def _files(context: Context, home: Path) -> tuple[File, ...]:
    console = context.directories.logs / "console"
    return tuple(
        context.file(home / name, f"s6/{template}", mode=0o755, filters=FILTERS, console=console)
        for name, template in (
            ("run", "run.j2"),
            ("finish", "finish.j2"),
            ("log/run", "log-run.j2"),
        )
    )


def _svc(live: str, *calls: str) -> Run:
    """Wait for what supervises it; then call s6-svc with these options, one after the other."""
    wait = wait_for('s6-svok "$1"', live)
    lines = " && ".join(f's6-svc -T 25000 {options} "$1"' for options in calls)
    return Run((*wait[:2], f"{wait[2]}; {lines}", *wait[3:]))
