"""systemd: a unit for the agent, a template unit for instances, one for the gateway, accounts."""

from pathlib import Path

from ground2cloud.config.directories import APPLICATION
from ground2cloud.errors import Ground2CloudError
from ground2cloud.service import common
from ground2cloud.service.context import Context
from ground2cloud.service.plan import File, RemoveTree, Run, Service

UNITS = Path("/etc/systemd/system")
ACCOUNT = Path("/etc/sysusers.d/ground2cloud.conf")

DROP_INS = ("dynamic-user", "ip-allow-list", "key-credential", "newer-systemd")
"""Templates of drop-ins that a person may put beside the unit."""

GATEWAYS = ("newer-systemd",)
"""Those of them that suit a gateway."""


def service(context: Context) -> Service:
    """Describe the unit `ground2cloud.service`, `ground2cloud@INSTANCE.service` or the gateway's.

    That is `ground2cloud-gateway.service`.
    """
    instance = context.instance
    unit = f"{APPLICATION}@{instance}.service" if instance else f"{context.name}.service"
    file, account = _unit_file(context), _account_file(context)
    state = context.directories.state.with_name(f"{APPLICATION}*")
    others = {file.path: f"{UNITS}/*.wants/{APPLICATION}@*.service"} if instance else {}
    shared = {} if context.gateway else {account.path: str(state), **others}
    return Service(
        unit=unit,
        files=(account, file),
        prepare=(Run(("systemd-sysusers", str(account.path))), *common.owners(context)),
        register=(systemctl("daemon-reload"), systemctl("enable", "--quiet", unit)),
        start=systemctl("start", unit),
        restart=systemctl("restart", unit),
        stop=(systemctl("disable", "--quiet", "--now", unit, if_exists=file.path),),
        unregister=(
            systemctl("daemon-reload"),
            # A unit that failed is remembered even when its file is gone.
            systemctl("reset-failed", unit, may_fail=True),
        ),
        status=systemctl("status", "--no-pager", "--lines=0", unit),
        # The account stays as long as there is anything that belongs to it.
        shared=shared,
        purge=(RemoveTree(UNITS / f"{unit}.d"), *common.purge(context)),
        extras=tuple(
            _drop_in(context, unit, name) for name in (GATEWAYS if context.gateway else DROP_INS)
        ),
        advice={
            "state": _state_command(context),
            "start": f"systemctl start {unit}",
            "stop": f"systemctl stop {unit}",
            "restart": f"systemctl restart {unit}",
            "log": f"journalctl -u {unit} -f",
        },
    )


def _state_command(context: Context) -> str:
    if context.gateway:
        return "ground2cloud gateway status"
    config = ("--config", str(context.config)) if context.instance else ()
    return " ".join(("ground2cloud status", *config))


def systemctl(
    *arguments: str, if_exists: Path | None = None, may_fail: bool = False, user: bool = False
) -> Run:
    """Answer with a call of systemctl, for the system's manager or the user's."""
    argv = ("systemctl", *(("--user",) if user else ()), *arguments)
    return Run(argv, if_exists=if_exists, may_fail=may_fail)


def exec_word(text: str) -> str:
    """Write an argument of a command as systemd reads it (systemd.service(5), COMMAND LINES)."""
    for special, written in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        text = text.replace(special, written)
    plain = text and not any(character.isspace() or character in "\"';\\" for character in text)
    return text if plain else f'"{text}"'


def program_word(path: str) -> str:
    """Write the program of a command, in which systemd expands `%`, but no variable.

    Raises:
        Ground2CloudError: systemd takes no program of this name, however it is written.
    """
    if bad := [character for character in "\"'\\" if character in path]:
        raise Ground2CloudError(
            f"systemd runs no program with {bad[0]} in its path: {path}",
            "install ground2cloud in another place, such as /opt/ground2cloud",
        )
    return exec_word(path).replace("$$", "$")


def exec_line(context: Context, command: str, *, template: bool = False) -> str:
    """Write the command line of `ground2cloud COMMAND`; in a template unit `%i` is the instance."""
    program, *arguments = context.command(command)
    words = [program_word(program), *(exec_word(word) for word in arguments)]
    if template:
        words[-1] = exec_word(str(context.config.parent) + "/").removesuffix('"') + "%i.toml"
        words[-1] += '"' if words[-1].startswith('"') else ""
    return " ".join(words)


FILTERS = {"value": lambda text: str(text).replace("%", "%%")}
"""How a value is written that is no command: `%` begins a specifier there too."""


def _account_file(context: Context) -> File:
    if context.gateway:
        return context.file(
            ACCOUNT.with_name(f"{context.name}.conf"), "systemd/gateway-sysusers.conf.j2"
        )
    home = context.directories.state.with_name(APPLICATION)
    return context.file(ACCOUNT, "systemd/sysusers.conf.j2", home=home)


def _unit_file(context: Context) -> File:
    if context.gateway:
        return context.file(
            UNITS / f"{context.name}.service",
            "systemd/gateway.service.j2",
            filters=FILTERS,
            exec_start=exec_line(context, "run"),
            exec_reload=exec_line(context, "reload"),
        )
    template = bool(context.instance)
    return context.file(
        UNITS / (f"{APPLICATION}@.service" if template else f"{APPLICATION}.service"),
        "systemd/agent.service.j2",
        filters=FILTERS,
        title="%i" if template else "",
        place=f"{APPLICATION}-%i" if template else APPLICATION,
        exec_start=exec_line(context, "run", template=template),
        exec_reload=exec_line(context, "reload", template=template),
    )


def _drop_in(context: Context, unit: str, name: str) -> File:
    return context.file(
        UNITS / f"{unit}.d" / f"{name}.conf",
        f"systemd/{name}.conf.j2",
        filters=FILTERS,
        unit=unit,
        key=context.keys[0] if context.keys else context.directories.configuration / "id_ed25519",
    )
