"""`ground2cloud service`: let the system start the agent or the gateway, and keep it running."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from ground2cloud.cli.gateway.opening import require_gateway
from ground2cloud.cli.group import Group
from ground2cloud.cli.outcome import complain
from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.config import places
from ground2cloud.config.load import load_agent, load_gateway
from ground2cloud.core import oneshot
from ground2cloud.errors import EXIT_FAILURE, ConfigError, Ground2CloudError
from ground2cloud.logs.escape import printable
from ground2cloud.service import current, execute, managers, plan, system
from ground2cloud.service.context import Context
from ground2cloud.service.script import script

_LIMIT = 1000

F = TypeVar("F", bound=Callable[..., Any])


def _which(command: F) -> F:
    """Give a command the options that say which service is meant."""
    manager = click.option(
        "--manager",
        help="The service manager, instead of the one that is found by itself:"
        f" {', '.join(managers.names())}.",
    )
    instance = click.option(
        "--instance",
        default="",
        help="A further agent on this machine; its configuration is NAME.toml.",
        metavar="NAME",
    )
    gateway = click.option("--gateway", is_flag=True, help="The gateway instead of the agent.")
    return common_options(manager(instance(gateway(command))))


_force = click.option("--force", is_flag=True, help="Also replace files that somebody changed.")


@click.group(name="service", cls=Group)
def service() -> None:
    """Let the system start the agent, or a gateway, and keep it running.

    Finds out by itself which service manager this machine has. Where rights are missing nothing is
    done, and the commands are shown that do it.
    """


@service.command()
@_which
@_force
@click.option("--no-start", is_flag=True, help="Don't start it now.")
def install(
    manager: str | None, instance: str, *, gateway: bool, force: bool, no_start: bool
) -> int:
    """Install the service, and start it if its configuration is good.

    It starts with the machine from then on. To install again does no harm: it renews what an
    earlier version wrote, and sets the owners of the configuration and the key right.
    """
    name, context, found = _find(manager, instance, gateway=gateway)
    problem = _problem(context)
    start = not problem and not no_start
    steps = plan.install(found)
    if found.administrator and not places.is_administrator():
        return _show([*steps, found.start] if start else steps, "install", name, context)
    if found.administrator:
        current.require_reachable(context)
    changed = asyncio.run(execute.perform(steps, _say, force=force))
    _say(f"{found.unit} is installed: {name} starts it with the machine")
    if start:
        asyncio.run(execute.perform([found.restart if changed else found.start], _say))
        _say("it is running")
    elif problem:
        _explain(problem, context, name, found)
    _advise(found)
    return 0


@service.command()
@_which
@_force
@click.option(
    "--purge", is_flag=True, help="Also remove configuration, key, state, logs and account."
)
def uninstall(
    manager: str | None, instance: str, *, gateway: bool, force: bool, purge: bool
) -> int:
    """Stop the service and remove it.

    Its configuration, key, state and logs stay, so that a later installation goes on where this one
    ended.
    """
    name, context, found = _find(manager, instance, gateway=gateway)
    steps = plan.uninstall(found, purge=purge)
    if found.administrator and not places.is_administrator():
        return _show(steps, "uninstall" + (" --purge" if purge else ""), name, context)
    asyncio.run(execute.perform(steps, _say, force=force))
    kept = "" if purge else f"; {context.directories.configuration}, its state and its logs stay"
    _say(f"{found.unit} is not installed any more{kept}")
    return 0


@service.command()
@_which
def status(manager: str | None, instance: str, *, gateway: bool) -> int:
    """Show what is installed, and what the service manager says of it.

    The exit code is 0 when the service runs.
    """
    name, _, found = _find(manager, instance, gateway=gateway)
    for file in found.files:
        _say(f"{file.path}: {execute.state_of(file)}")
    ended = asyncio.run(oneshot.run(found.status.argv, timeout=found.status.limit))
    for line in (ended.out + ended.err).splitlines():
        _say(line)
    if not ended.ok:
        complain(f"{found.unit} does not run", f"{name}: {found.advice.get('log', '')}")
    return 0 if ended.ok else EXIT_FAILURE


@service.command(name="print")
@_which
@click.argument("name", required=False)
def print_(manager: str | None, instance: str, name: str | None, *, gateway: bool) -> int:
    """Print the files that `install` writes.

    NAME is one of them, or one of the further files that are there to be adapted; without it all
    files of the installation are printed, and the others are named.
    """
    chosen, _, found = _find(manager, instance, gateway=gateway)
    if name is None:
        for file in found.files:
            click.echo(f"# {file.path}\n{file.text}")
        for file in found.extras:
            click.echo(f"# not installed: {file.path.name}")
        return 0
    every = {file.path.name: file for file in (*found.files, *found.extras)}
    if name not in every:
        raise Ground2CloudError(f"{chosen} has no file {name}", "there are: " + ", ".join(every))
    click.echo(every[name].text, nl=False)
    return 0


def _find(
    manager: str | None, instance: str, *, gateway: bool
) -> tuple[str, Context, plan.Service]:
    name = managers.find(manager)
    settings = click.get_current_context().find_object(Settings)
    if settings is not None and settings.config is not None:
        raise Ground2CloudError(
            "a service has its configuration at a fixed place: --config is of no use here",
            "--instance NAME is a further agent, whose configuration is NAME.toml there",
        )
    if gateway and instance:
        raise Ground2CloudError("a machine has one gateway", "leave --instance out")
    if gateway:
        require_gateway()
        managers.require_gateways(name)
        context = current.gateway_context()
    else:
        context = current.context(instance, personally=name == "systemd-user")
    return name, context, managers.get(name).service(context)


def _problem(context: Context) -> str:
    """Say why there is no use in starting it now, a line for each reason; empty if there is."""
    try:
        if not context.gateway:
            load_agent(context.config)
            return ""
        config = load_gateway(context.config)
    except ConfigError as error:
        return error.message
    from ground2cloud.roles.gateway.programs import missing_programs  # noqa: PLC0415 - only here

    lines = asyncio.run(missing_programs(config))
    if config.gateway.user is None:
        # The service would run, but root's commands would not know as whom.
        lines.append(f'gateway.user is missing in it: user = "{context.user}"')
    return "\n".join(lines)


def _option(context: Context) -> str:
    """Say which service is meant, as an option of these commands."""
    if context.gateway:
        return " --gateway"
    return f" --instance {context.instance}" if context.instance else ""


def _show(steps: Sequence[plan.Step], action: str, manager: str, context: Context) -> int:
    """Print what an administrator has to do."""
    option = _option(context)
    own = f"{system.quote(current.program())} service {action} --manager {manager}{option}"
    complain(
        "nothing was done: it takes an administrator's rights",
        f"run: {system.as_administrator(own)} - or the commands above as an administrator",
    )
    for step in steps:
        for line in script(step):
            click.echo(line)
    return EXIT_FAILURE


def _explain(problem: str, context: Context, manager: str, found: plan.Service) -> None:
    _say("it was not started, and does not start before this is mended:")
    for line in problem.splitlines():
        _say(f"  {line}")
    program = "ground2cloud gateway" if context.gateway else "ground2cloud"
    option = f" --config {context.config}" if context.instance else ""
    again = f"ground2cloud service install --manager {manager}{_option(context)}"
    todo = {"check it": f"{program} check{option}", "start it": again}
    if not context.config.exists():
        account = f" --host NAME --user {context.user}" if context.gateway else ""
        todo = {"write it": f"{program} init{option}{account}", **todo}
    for what, command in todo.items():
        _say(f"  {what}: {system.as_administrator(command) if found.administrator else command}")


def _advise(found: plan.Service) -> None:
    for what, command in found.advice.items():
        mine = found.administrator and what != "log"
        _say(f"  {what}: {system.as_administrator(command) if mine else command}")


def _say(line: str) -> None:
    click.echo(printable(line, _LIMIT))
