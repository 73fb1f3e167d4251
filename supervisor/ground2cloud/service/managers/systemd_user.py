"""systemd's manager of one user: the agent runs as that user, and nobody needs root's rights."""

from pathlib import Path

from ground2cloud.service.context import Context
from ground2cloud.service.managers.systemd import FILTERS, exec_line, systemctl
from ground2cloud.service.plan import RemoveTree, Service


def service(context: Context) -> Service:
    """Describe the unit `ground2cloud.service`, or `ground2cloud-INSTANCE.service`."""
    unit = f"{context.name}.service"
    units = Path.home() / ".config/systemd/user"
    file = context.file(
        units / unit,
        "systemd/user.service.j2",
        filters=FILTERS,
        exec_start=exec_line(context, "run"),
        exec_reload=exec_line(context, "reload"),
    )
    configuration, *places = context.directories
    return Service(
        unit=unit,
        files=(file,),
        register=(
            systemctl("daemon-reload", user=True),
            systemctl("enable", "--quiet", unit, user=True),
        ),
        start=systemctl("start", unit, user=True),
        restart=systemctl("restart", unit, user=True),
        stop=(systemctl("disable", "--quiet", "--now", unit, user=True, if_exists=file.path),),
        unregister=(
            systemctl("daemon-reload", user=True),
            systemctl("reset-failed", unit, user=True, may_fail=True),
        ),
        status=systemctl("status", "--no-pager", "--lines=0", unit, user=True),
        purge=(
            *(RemoveTree(place) for place in (context.config, *places)),
            RemoveTree(configuration, unless=str(configuration / "*.toml")),
        ),
        advice={
            "state": "ground2cloud status",
            "start": f"systemctl --user start {unit}",
            "stop": f"systemctl --user stop {unit}",
            "restart": f"systemctl --user restart {unit}",
            "log": f"journalctl --user -u {unit} -f",
            "run also while you are not logged in": "loginctl enable-linger",
        },
        administrator=False,
    )
