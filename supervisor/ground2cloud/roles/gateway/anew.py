"""Whether a gateway can begin anew and keep its lanes."""

import asyncio
import os
import tempfile
from pathlib import Path

from ground2cloud.config.gateway_model import GatewayConfig
from ground2cloud.config.load import load_gateway
from ground2cloud.config.locations import GatewayLocations, locate_gateway
from ground2cloud.core import oneshot
from ground2cloud.core.run import CHECK_TIMEOUT
from ground2cloud.core.spec import Verdict
from ground2cloud.errors import ConfigError
from ground2cloud.haproxy.child import check_argv, refused
from ground2cloud.haproxy.program import find_haproxy
from ground2cloud.haproxy.render import render
from ground2cloud.haproxy.routes import RouterSettings
from ground2cloud.registry.errors import RegistryError
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.roles.gateway import foundation
from ground2cloud.roles.gateway.live import unusable
from ground2cloud.roles.gateway.making import router_settings, sshd_settings
from ground2cloud.roles.gateway.programs import missing_programs
from ground2cloud.web.messages import Answer


async def refusal(
    path: Path, began: GatewayConfig, places: GatewayLocations, present: GatewayConfig
) -> Answer | None:
    """Return why not: the next run would fail, or not find the lanes that it is to keep.

    Args:
        path: the configuration file, which the next run will read.
        began: what this run began with.
        places: where this run has things.
        present: what is in force now.
    """
    try:
        found = load_gateway(path)
    except ConfigError as error:
        return Answer(ok=False, problems=tuple(map(str, error.problems)))
    next_places = locate_gateway(found, path, os.environ)
    if _identity(found, next_places) != _identity(began, places):
        return Answer(
            ok=False,
            message="the account or the directories in the file are others than those in use",
            hint="lanes can't be kept over that: stop the gateway and start it",
        )
    problems = await missing_programs(found)
    problems += [f"{path.name}: {key}: {words}" for key, words in unusable(present, found)]
    if not problems:
        problems = [f"{path.name}: {words}" for words in await _faults(found, next_places)]
    return Answer(ok=False, problems=tuple(problems)) if problems else None


def _identity(config: GatewayConfig, places: GatewayLocations) -> tuple[str | None, Path, Path]:
    return config.gateway.user, places.state, places.run


async def _faults(config: GatewayConfig, places: GatewayLocations) -> list[str]:
    """Say what of a configuration the programs and the registry do not take."""
    try:
        sshd_settings(config, places)
        settings = router_settings(config, places, foundation.RunFiles(places.run))
        faults = await _router_faults(config, settings, places.run)
    except (ValueError, OSError) as error:
        return [str(error)]
    try:
        await asyncio.to_thread(lambda: foundation.open_registry(config, places).close())
    except (RegistryError, OSError) as error:
        faults.append(f"[registry]: {error}")
    return faults


async def _router_faults(
    config: GatewayConfig, settings: RouterSettings, directory: Path
) -> list[str]:
    """Have HAProxy check what does not depend on the registry, its certificate among it."""
    program = await find_haproxy(config.router.program)
    if isinstance(program, Verdict):
        return [f"[router]: {program.message}"]
    with tempfile.TemporaryDirectory(prefix=".checking-", dir=directory) as draft:
        for name, text in render(settings, (), ()).items():
            write_atomic(Path(draft, name), text)
        argv = check_argv(program, Path(draft))
        answer = await oneshot.run(argv, timeout=CHECK_TIMEOUT)
    if answer.ok:
        return []
    verdict = refused(answer.err)
    return [f"[router]: {verdict.message} ({verdict.evidence})"]
