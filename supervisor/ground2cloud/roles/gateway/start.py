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


def run(path: Path, *, stderr: bool = True) -> int:
    """Be the gateway of the configuration at `path`; answer the exit code when told to stop.

    Started as root it becomes the account that the configuration names; then this returns never,
    nor when it is told to begin anew.

    Raises:
        ConfigError: the configuration is unusable.
        AccountError: it is not to run as this system.
        AlreadyRunningError: another gateway uses the same state directory.
        Ground2CloudError: something that it needs is missing or damaged.
    """
    path = path.absolute()
    config = load_gateway(path)
    places = locate_gateway(config, path, os.environ)
    if system.must_change(config.gateway.user):
        _become(config, places, path, stderr=stderr)
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
        system.begin_anew(_arguments(path, stderr=stderr))
    return 0


def _arguments(path: Path, *, stderr: bool) -> list[str]:
    return ["gateway", "run", "--config", str(path), *([] if stderr else ["--quiet"])]


def _become(config: GatewayConfig, places: GatewayLocations, path: Path, *, stderr: bool) -> None:
    assert config.gateway.user is not None
    router = config.router
    secure = router.certificate is not None or router.ssh_on_https_port
    system.exec_as(
        config.gateway.user,
        _arguments(path, stderr=stderr),
        directories=(places.state, places.run, places.log_file.parent),
        ports=(
            config.ssh.port,
            router.port,
            config.backchannel.port,
            *([router.https_port] if secure else []),
        ),
    )
