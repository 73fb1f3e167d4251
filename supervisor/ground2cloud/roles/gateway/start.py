"""`gateway run`: from the configuration file to a running gateway, and to its end."""

import asyncio
import faulthandler
import os
from pathlib import Path

from ground2cloud.config.gateway_model import GatewayConfig
from ground2cloud.config.load import load_gateway
from ground2cloud.config.locations import GatewayLocations, locate_gateway
from ground2cloud.core.lock import StateLock
from ground2cloud.logs.setup import configure
from ground2cloud.roles.gateway import foundation, system
from ground2cloud.roles.gateway.gateway import Gateway


def run(path: Path, *, stderr: bool = True, debug: bool = False) -> int:
    """Be the gateway of the configuration at `path`; answer the exit code when told to stop.

    Started as root it becomes the account that the configuration names; then this returns never,
    nor when it is told to begin anew. `stderr` and `debug` are what the command was told.

    Raises:
        ConfigError: the configuration is unusable.
        AccountError: it is not to run as this system.
        AlreadyRunningError: another gateway uses the same state directory.
        Ground2CloudError: something that it needs is missing or damaged.
    """
    path = path.absolute()
    options = [*([] if stderr else ["--quiet"]), *(["--debug"] if debug else [])]
    arguments = ["gateway", "run", "--config", str(path), *options]
    config = load_gateway(path)
    places = locate_gateway(config, path, os.environ)
    if system.must_change(config.gateway.user):
        _become(config, places, path, arguments)
    lock = StateLock(places.state / "gateway.lock")
    lock.acquire(os.getpid())
    owner = configure(config.log, places.log_file, stderr=stderr)
    faulthandler.enable()
    system.take_files()
    try:
        registry = foundation.open_registry(config, places, upgrades=True)
        try:
            foundation.require_authorities(places, registry)
            gateway = Gateway(path, config, places, owner, registry)
            asyncio.run(gateway.live())
        finally:
            registry.close()
    finally:
        owner.close()
        lock.release()
    if gateway.begins_anew:
        system.begin_anew(arguments)
    return 0


def require_account(user: str, places: GatewayLocations, path: Path) -> None:
    """Check that the account may use what is there already of this gateway.

    Raises:
        AccountError: there is no such account, or it may not.
    """
    for directory in (places.state, places.run):
        system.require_own(directory, user)
    system.require_reading(path, user)


def _become(
    config: GatewayConfig, places: GatewayLocations, path: Path, arguments: list[str]
) -> None:
    assert config.gateway.user is not None
    require_account(config.gateway.user, places, path)
    router = config.router
    secure = router.certificate is not None or router.ssh_on_https_port
    system.exec_as(
        config.gateway.user,
        arguments,
        directories=(places.state, places.run, places.log_file.parent),
        ports=(
            config.ssh.port,
            router.port,
            config.backchannel.port,
            *([router.https_port] if secure else []),
        ),
    )
