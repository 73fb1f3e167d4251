"""OpenRC: an init script for its supervise-daemon, and a small script that starts the agent."""

from pathlib import Path

from ground2cloud.service import common
from ground2cloud.service.context import Context
from ground2cloud.service.plan import Account, Run, Service
from ground2cloud.service.shell import FILTERS

SCRIPTS = Path("/etc/init.d")
LAUNCH = Path("/usr/local/lib/ground2cloud")


def service(context: Context) -> Service:
    """Describe the service `ground2cloud`, or `ground2cloud-INSTANCE`."""
    name = context.name
    init, launch = SCRIPTS / name, LAUNCH / f"{name}.openrc"
    values = {"launch": launch, "console": context.directories.logs / "console.log"}
    return Service(
        unit=name,
        files=(
            context.file(launch, "openrc/launch.j2", mode=0o755, filters=FILTERS),
            context.file(init, "openrc/init.j2", mode=0o755, filters=FILTERS, **values),
        ),
        prepare=(
            Account(context.user, context.directories.state),
            *common.owners(context),
            *common.places(context),
        ),
        register=(Run(("rc-update", "--quiet", "add", name, "default")),),
        start=_service(name, "--ifstopped", "start"),
        restart=_service(name, "restart"),
        stop=(
            _service(name, "--ifstarted", "stop", if_exists=init),
            Run(("rc-update", "--quiet", "delete", name, "default"), init, may_fail=True),
        ),
        unregister=(Run(("rmdir", str(LAUNCH)), may_fail=True),),
        status=_service(name, "status"),
        purge=common.purge(context),
        advice={
            "start": f"rc-service {name} start",
            "stop": f"rc-service {name} stop",
            "restart": f"rc-service {name} restart",
            "log": f"tail -F {context.directories.logs}/agent.log",
        },
    )


def _service(name: str, *arguments: str, if_exists: Path | None = None) -> Run:
    options = tuple(word for word in arguments if word.startswith("--"))
    words = tuple(word for word in arguments if not word.startswith("--"))
    return Run(("rc-service", *options, name, *words), if_exists)
