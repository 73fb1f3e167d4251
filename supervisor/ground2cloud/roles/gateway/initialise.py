"""What `gateway init` makes, and what `gateway run` makes where it is missing."""

import asyncio
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ground2cloud.config.gateway_model import GatewayConfig
from ground2cloud.config.locations import GatewayLocations
from ground2cloud.core.spec import Verdict
from ground2cloud.errors import Ground2CloudError
from ground2cloud.openssh.sshd.program import find_sshd
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.roles.gateway import foundation, system


@dataclass(frozen=True, slots=True)
class Made:
    """What agents know the gateway by: `pin` of the backchannel's CA, `host_ca` of its sshd."""

    pin: str
    host_ca: str


def initialise(config: GatewayConfig, places: GatewayLocations, *, become: str | None) -> Made:
    """Make registry, CAs and keys where they are missing.

    Args:
        config: the gateway's.
        places: where.
        become: the account to become first; None to stay who we are.

    Raises:
        Ground2CloudError: something is there that can't be used, or a program is missing.
        OSError: a file can't be written.
    """
    if become is not None:
        system.give(places.state, become)
        system.give(places.log_file.parent, become)
        system.become(become)
    with closing(foundation.open_registry(config, places)) as registry:
        foundation.require_authorities(places, registry)
    pin = foundation.certificates(config, places).pin
    return Made(pin, asyncio.run(_host_ca(config, places)))


async def _host_ca(config: GatewayConfig, places: GatewayLocations) -> str:
    program = await find_sshd(config.ssh.program)
    if isinstance(program, Verdict):
        raise Ground2CloudError(program.message, program.hint)
    return (await foundation.host_identity(config, places, program.keygen)).ca_public_key


def write_config(path: Path, text: str, *, readable_for: str | None) -> None:
    """Write a configuration file; only its owner, and an account that needs it, may read it.

    Raises:
        OSError: it can't be written.
    """
    if readable_for is not None and not path.parent.exists():
        path.parent.mkdir(mode=0o755, parents=True)
    write_atomic(path, text, mode=0o600)
    if readable_for is not None:
        system.share(path, readable_for)
