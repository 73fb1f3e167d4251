"""From the configuration and the identity to what lanes carry: pure.

Without `[gateway]` the file says what the services are, and the gateway which ports they have.
"""

from msgspec.structs import replace

from ground2cloud.config.identity import Identity
from ground2cloud.config.model import AgentConfig, Service

NOT_REGISTERED = "this agent is not registered with a gateway"
REGISTER_HINT = "ground2cloud register, with the join string that a gateway's operator hands out"
NO_PORT = "the gateway has allotted no port yet"


def placed(config: AgentConfig, identity: Identity | None) -> AgentConfig:
    """The configuration with the ports of its gateway, and without services that have none yet."""
    if config.gateway is not None:
        return config
    services = (place(service, identity) for service in config.service)
    return replace(config, service=tuple(each for each in services if each.remote_port))


def place(service: Service, identity: Identity | None) -> Service:
    """The service of a registered agent with its port; 0 if it has none yet."""
    if identity is None:
        return replace(service, remote_port=0)
    port = identity.ports.get(service.name, 0)
    return replace(service, remote_port=port, remote_bind=identity.slots[0])


def slot_of(lane: str, slots: tuple[str, ...]) -> str:
    """The address that a lane binds: lane1 the first, lane2 the second; any other lane the last."""
    number = lane.removeprefix("lane")
    return slots[(int(number) - 1) % len(slots)] if number.isdecimal() else slots[-1]
