"""runit: a directory with scripts, and a link to it from the directory that runsvdir watches."""

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

SERVICES = Path("/etc/sv")
WATCHED = (Path("/var/service"), Path("/etc/service"), Path("/run/runit/service"))
"""What runsvdir watches: on Void, on Debian, on Artix."""


def service(context: Context) -> Service:
    """Describe the service directory `ground2cloud`, or `ground2cloud-INSTANCE`."""
    home = SERVICES / context.name
    link = next((path for path in WATCHED if path.is_dir()), WATCHED[1]) / context.name
    console = context.directories.logs / "console"
    user = context.user
    return Service(
        unit=context.name,
        files=tuple(
            _script(context, home / name, template)
            for name, template in (
                ("run", "run.j2"),
                ("finish", "finish.j2"),
                ("log/run", "log-run.j2"),
            )
        ),
        prepare=(
            Account(user, context.directories.state),
            *common.owners(context),
            *common.places(context),
            Directory(console, 0o750, user, user),
        ),
        register=(Link(link, home),),
        # runsvdir looks every five seconds.
        start=_sv(home, "start"),
        restart=_sv(home, "force-restart"),
        # Without the link nothing starts it again; the scripts are gone when `sv` has ended.
        stop=(
            Remove(link),
            Run(("sv", "-w", "20", "force-shutdown", str(home)), home / "supervise", may_fail=True),
        ),
        unregister=(
            RemoveTree(home / "supervise"),
            RemoveTree(home / "log/supervise"),
            Run(("rmdir", str(home / "log"), str(home)), may_fail=True),
        ),
        # `sv status` ends with 0 for a service that is down, too.
        status=Run(
            ("sh", "-c", 'sv status "$1" && sv status "$1" | grep -q ^run:', "sv", str(home))
        ),
        purge=common.purge(context),
        advice={
            "start": f"sv up {context.name}",
            "stop": f"sv down {context.name}",
            "restart": f"sv restart {context.name}",
            "log": f"tail -F {context.directories.logs}/agent.log",
        },
    )


def _script(context: Context, path: Path, template: str) -> File:
    console = context.directories.logs / "console"
    return context.file(path, f"runit/{template}", mode=0o755, filters=FILTERS, console=console)


def _sv(home: Path, command: str) -> Run:
    wait = wait_for('[ -p "$1/supervise/ok" ]', home)
    return Run((*wait[:2], f'{wait[2]}; exec sv -w 20 {command} "$1"', *wait[3:]))
