"""launchd: a property list for macOS's service manager. Written by its manual, not run on a Mac."""

import shlex
from pathlib import Path
from xml.sax.saxutils import escape

from ground2cloud.errors import EXIT_CONFIG
from ground2cloud.service import common
from ground2cloud.service.context import Context
from ground2cloud.service.plan import Account, Run, Service
from ground2cloud.service.shell import wait_for

DAEMONS = Path("/Library/LaunchDaemons")


def service(context: Context) -> Service:
    """Describe the daemon `ground2cloud`, or `ground2cloud-INSTANCE`."""
    label = context.name
    target = f"system/{label}"
    path = DAEMONS / f"{label}.plist"
    file = context.file(
        path,
        "launchd/agent.plist.j2",
        filters={"xml": lambda value: escape(str(value))},
        label=label,
        script=_script(context),
        console=context.directories.logs / "console.log",
    )
    # What runs is ended first: launchd doesn't load what is loaded. That takes it a moment.
    load = wait_for('launchctl bootstrap system "$1"', path)
    return Service(
        unit=label,
        files=(file,),
        prepare=(
            Account(context.user, context.directories.state),
            *common.owners(context),
            *common.places(context),
        ),
        register=(
            Run(("launchctl", "bootout", target), may_fail=True),
            Run(("launchctl", "enable", target)),
            Run(load),
        ),
        start=Run(("launchctl", "kickstart", target)),
        restart=Run(("launchctl", "kickstart", "-k", target)),
        stop=(Run(("launchctl", "bootout", target), if_exists=path, may_fail=True),),
        # `launchctl print` ends with 0 for a service that is loaded and does not run, too.
        status=Run(("sh", "-c", 'launchctl print "$1" | grep "state = running"', "sh", target)),
        purge=common.purge(context),
        advice={
            "start": f"launchctl kickstart {target}",
            "stop": f"launchctl kill TERM {target}",
            "restart": f"launchctl kickstart -k {target}",
            "log": f"tail -F {context.directories.logs}/agent.log",
        },
    )


def _script(context: Context) -> str:
    """Check, then become the agent.

    launchd starts again what ends with another code than 0. A configuration that can't be used has
    to end with 0, then.
    """
    check, run = (shlex.join(context.command(name)) for name in ("check", "run"))
    return f"{check}; [ $? = {EXIT_CONFIG} ] && exit 0; exec {run}"
