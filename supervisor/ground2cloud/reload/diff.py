"""What is different between two configurations: pure, and no more than has to be done about it.

A service is known by its name. What changed of it falls under exactly one heading, the one that
asks for the most; an edit of `[log]` must touch no lane.
"""

from dataclasses import dataclass

from ground2cloud.config.model import AgentConfig, Service


@dataclass(frozen=True, slots=True)
class Edited:
    """A service before and after."""

    old: Service
    new: Service


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything that differs; all empty and False when nothing does.

    Args:
        added: services with a new name.
        removed: services whose name is gone.
        retargeted: same address and port on the gateway, leading to another host or port here.
        rebound: another address or port on the gateway, whatever else changed besides.
        rekinded: only the kind differs: the application is checked in another way.
        gateway_or_ssh_changed: `[gateway]` or `[ssh]`: every lane has to be replaced.
        backoff_changed: `[backoff]`.
        log_changed: `[log]`.
        paths_changed: `[paths]`: takes effect at the next start of the program.
        api_changed: `[api]`.
    """

    added: tuple[Service, ...] = ()
    removed: tuple[Service, ...] = ()
    retargeted: tuple[Edited, ...] = ()
    rebound: tuple[Edited, ...] = ()
    rekinded: tuple[Edited, ...] = ()
    gateway_or_ssh_changed: bool = False
    backoff_changed: bool = False
    log_changed: bool = False
    paths_changed: bool = False
    api_changed: bool = False

    def __bool__(self) -> bool:
        return self != Changes()

    @property
    def forwards(self) -> bool:
        """Whether the forwards of the lanes have to change."""
        return bool(self.added or self.removed or self.retargeted or self.rebound)


def diff(old: AgentConfig, new: AgentConfig) -> Changes:
    """Compare two configurations; the order of the services doesn't count."""
    before = {service.name: service for service in old.service}
    after = {service.name: service for service in new.service}
    edited = [
        Edited(before[name], service)
        for name, service in after.items()
        if name in before and before[name] != service
    ]
    return Changes(
        added=tuple(service for name, service in after.items() if name not in before),
        removed=tuple(service for name, service in before.items() if name not in after),
        retargeted=tuple(edit for edit in edited if _is_retargeted(edit)),
        rebound=tuple(edit for edit in edited if _is_rebound(edit)),
        rekinded=tuple(
            edit for edit in edited if not _is_retargeted(edit) and not _is_rebound(edit)
        ),
        gateway_or_ssh_changed=(old.gateway, old.ssh) != (new.gateway, new.ssh),
        backoff_changed=old.backoff != new.backoff,
        log_changed=old.log != new.log,
        paths_changed=old.paths != new.paths,
        api_changed=old.api != new.api,
    )


def _is_rebound(edit: Edited) -> bool:
    return (edit.old.remote_bind, edit.old.remote_port) != (
        edit.new.remote_bind,
        edit.new.remote_port,
    )


def _is_retargeted(edit: Edited) -> bool:
    """Whether only this side of the forward moved."""
    moved = (edit.old.host, edit.old.port) != (edit.new.host, edit.new.port)
    return moved and not _is_rebound(edit)
