"""What a gateway stands on: its registry, its two CAs, its audit log; made where it is missing."""

from dataclasses import dataclass
from pathlib import Path

from ground2cloud.backchannel.tls import AUTHORITY_FILE, Certificates
from ground2cloud.config.gateway_model import AuditLog, GatewayConfig
from ground2cloud.config.locations import GatewayLocations
from ground2cloud.core.clock import wall
from ground2cloud.errors import EXIT_CONFIG, Ground2CloudError
from ground2cloud.openssh.sshd import ca
from ground2cloud.registry.audit import Audit
from ground2cloud.registry.database import anchored, sqlite_url
from ground2cloud.registry.records import PortRange
from ground2cloud.registry.store import Registry
from ground2cloud.rendering.atomic import make_private_directory

REGISTRY_FILE = "registry.sqlite"
AUDIT_FILE = "audit.log"
SSH_DIRECTORY = "ssh"


class LostAuthorityError(Ground2CloudError):
    """A CA by which agents know this gateway is not there."""

    exit_code = EXIT_CONFIG


def names(config: GatewayConfig) -> tuple[str, ...]:
    """Everything by which agents may call the gateway."""
    return tuple(dict.fromkeys((config.gateway.host, *config.gateway.names)))


def open_registry(
    config: GatewayConfig, places: GatewayLocations, *, upgrades: bool = False
) -> Registry:
    """Open the registry; a file is made where it is missing.

    With `upgrades` one of an older version becomes one of this program's. That is for a gateway
    that starts: a command would take the registry away from the older one that runs.

    Raises:
        RegistryError: it can't be used.
        OSError: the state directory can't be made.
    """
    make_private_directory(places.state)
    url = config.registry.url
    where = anchored(url, places.directory) if url else sqlite_url(places.state / REGISTRY_FILE)
    return Registry(where, ports(config), upgrades=upgrades)


def open_audit(places: GatewayLocations, bounds: AuditLog | None = None) -> Audit:
    """The audit log, which commands and the running gateway write; that one alone has `bounds`."""
    audit = Audit(places.state / AUDIT_FILE)
    if bounds is not None:
        audit.bound(bounds.max_size, bounds.keep)
    return audit


def ports(config: GatewayConfig) -> PortRange:
    """The tunnel ports, without those that the program itself listens on."""
    own = (
        config.ssh.port,
        config.router.port,
        config.router.https_port,
        config.backchannel.port,
        *(int(each.listen.rpartition(":")[2]) for each in (config.metrics, config.api)),
    )
    return PortRange(config.tunnels.first_port, config.tunnels.last_port, frozenset(own))


def require_authorities(places: GatewayLocations, registry: Registry) -> None:
    """Check that no CA is about to be made that agents would not know this gateway by.

    Raises:
        LostAuthorityError: one is missing, and there are agents that know it.
        RegistryError: the registry can't be read.
    """
    files = (places.state / AUTHORITY_FILE, places.state / SSH_DIRECTORY / ca.AUTHORITY_FILE)
    lost = " and ".join(str(file) for file in files if not file.exists())
    if lost and any(each.revoked_at is None for each in registry.registrations()):
        raise LostAuthorityError(
            f"the registry {registry.where} has agents, but what they know this gateway by is"
            f" missing: {lost}",
            "put it back from the backup that the registry is from; docs/gateway.md says what is"
            " left where there is none",
        )


def certificates(config: GatewayConfig, places: GatewayLocations) -> Certificates:
    """The CA of the backchannel, and its certificate.

    Raises:
        Ground2CloudError: a file is there but can't be used.
        OSError: a file can't be read or written.
    """
    make_private_directory(places.state)
    return Certificates(places.state, names(config), wall())


async def host_identity(
    config: GatewayConfig, places: GatewayLocations, keygen: str
) -> ca.HostIdentity:
    """The host CA, the host key and its certificate.

    Raises:
        Ground2CloudError: ssh-keygen fails, or a file that is there is no usable key.
        OSError: the files can't be written.
    """
    return await ca.ensure_identity(places.state / SSH_DIRECTORY, names(config), keygen=keygen)


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of the run directory; all of them are made anew at a start."""

    directory: Path

    @property
    def children(self) -> Path:
        """The children's processes."""
        return self.directory / "children.json"

    @property
    def sessions(self) -> Path:
        """The sessions of sshd, which outlive a gateway that is killed."""
        return self.directory / "sessions.jsonl"

    @property
    def listeners(self) -> Path:
        """By what every process of sshd's is known, whoever started it."""
        return self.directory / "listeners.json"

    @property
    def sshd_config(self) -> Path:
        """What sshd reads."""
        return self.directory / "sshd_config"

    @property
    def authorized_keys(self) -> Path:
        """Who may log in."""
        return self.directory / "authorized_keys"

    @property
    def home(self) -> Path:
        """The empty home of held sessions."""
        return self.directory / "home"

    @property
    def router(self) -> Path:
        """The router's directory."""
        return self.directory / "router"
