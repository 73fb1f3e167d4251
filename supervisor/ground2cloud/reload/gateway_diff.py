"""What is different between two configurations of a gateway: pure."""

from dataclasses import dataclass

import msgspec

from ground2cloud.config.gateway_model import GatewayConfig

AT_START = frozenset({"gateway.user", "ssh.program", "router.program", "registry.url"})
"""Keys that a running gateway can't take up: who it is, and where it keeps what it knows."""

PATHS = "paths"
"""A table of which none can be."""


@dataclass(frozen=True, slots=True)
class GatewayChanges:
    """Everything that differs; all empty when nothing does.

    Args:
        live: keys that can be put in force now, such as `router.port`.
        at_start: keys that are in force at the next start.
    """

    live: tuple[str, ...] = ()
    at_start: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.live or self.at_start)

    def touch(self, *tables: str) -> bool:
        """Whether something in one of these tables can be put in force now."""
        return any(key.partition(".")[0] in tables for key in self.live)


def gateway_diff(old: GatewayConfig, new: GatewayConfig) -> GatewayChanges:
    """Compare two configurations."""
    changed = [
        f"{table}.{key}"
        for table in GatewayConfig.__struct_fields__
        for key in getattr(new, table).__struct_fields__
        if getattr(getattr(old, table), key) != getattr(getattr(new, table), key)
    ]
    late = [key for key in changed if key in AT_START or key.startswith(f"{PATHS}.")]
    return GatewayChanges(
        live=tuple(key for key in changed if key not in late), at_start=tuple(late)
    )


def merged(running: GatewayConfig, new: GatewayConfig) -> GatewayConfig:
    """Return what can be in force now: the new one, with what waits for a start as it runs."""
    replace = msgspec.structs.replace
    return replace(
        new,
        gateway=replace(new.gateway, user=running.gateway.user),
        ssh=replace(new.ssh, program=running.ssh.program),
        router=replace(new.router, program=running.router.program),
        registry=running.registry,
        paths=running.paths,
    )
