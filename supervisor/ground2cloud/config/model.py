"""What `agent.toml` may say: the frozen types that the file is decoded into.

The field's `Meta` carries what the sample file and the JSON Schema say about a key, so that the
sample, the schema, the documentation and the check can't disagree. Rules that need more than one
value (unique names, one of two keys) are in `rules.py`.
"""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

Port = Annotated[int, Meta(ge=1, le=65535)]
Text = Annotated[str, Meta(min_length=1)]


class Kind(StrEnum):
    """What speaks behind a service; decides how it is checked, not how it is carried."""

    HTTP = "http"
    POSTGRESQL = "postgresql"
    MYSQL = "mysql"
    SQLSERVER = "sqlserver"
    TCP = "tcp"


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the configuration file."""


class Gateway(Section, frozen=True, kw_only=True):
    """The public machine whose sshd carries the tunnel."""

    host: Annotated[str, Meta(min_length=1, description="Name or address of the public machine.")]
    ssh_port: Annotated[Port, Meta(description="Port of its sshd.")] = 22
    user: Annotated[str, Meta(min_length=1, description="Account on it.")] = "ground2cloud"
    host_key: Annotated[
        str | None,
        Meta(
            description="Its public host key, as in /etc/ssh/ssh_host_ed25519_key.pub there."
            " A host is never trusted on first sight: give this or known_hosts."
        ),
    ] = None
    known_hosts: Annotated[
        str | None, Meta(description="A known_hosts file that has its key, instead of host_key.")
    ] = None
    identity_file: Annotated[
        str,
        Meta(
            min_length=1,
            description="Private key of this machine, without passphrase;"
            " relative to this file's directory.",
        ),
    ] = "id_ed25519"


class Service(Section, frozen=True, kw_only=True):
    """One private application and the port it gets on the gateway."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
            description="Name of your choice: lower-case letters, digits, - and _.",
        ),
    ]
    kind: Annotated[Kind, Meta(description="What speaks there; decides how it is checked.")]
    host: Annotated[
        str, Meta(min_length=1, description="Where the application listens, seen from here.")
    ] = "localhost"
    port: Annotated[Port, Meta(description="Its port.")]
    remote_port: Annotated[Port, Meta(description="Port on the gateway that leads to it.")]
    remote_bind: Annotated[
        str,
        Meta(
            min_length=1,
            description="Address on the gateway to listen on. Others than loopback need"
            " GatewayPorts there, and let in who reaches it.",
        ),
    ] = "127.0.0.1"


class Ssh(Section, frozen=True, kw_only=True):
    """How the system's ssh is run. The defaults are right for almost everyone."""

    program: Annotated[str, Meta(min_length=1, description="The ssh to run: name or path.")] = "ssh"
    session: Annotated[
        Literal["auto", "held", "none"],
        Meta(
            description="held keeps a session open beside the forwards (faster, and a heartbeat);"
            " none runs ssh -N; auto tries held and remembers what the server allows."
        ),
    ] = "auto"
    server_alive_interval: Annotated[
        int, Meta(ge=1, le=3600, description="Seconds of silence before ssh asks the server.")
    ] = 5
    server_alive_count_max: Annotated[
        int,
        Meta(ge=0, le=100, description="Questions without answer before ssh gives the link up."),
    ] = 2
    connect_timeout: Annotated[
        int, Meta(ge=1, le=600, description="Seconds to wait for a connection.")
    ] = 10
    ciphers: Annotated[
        str | None,
        Meta(description="Ciphers in ssh's own words; by default the fastest for this processor."),
    ] = None
    compression: Annotated[
        bool, Meta(description="Compress: slower on anything but very slow links.")
    ] = False
    jump: Annotated[
        str | None,
        Meta(description="Host to go through, as user@host:port; its key must be in known_hosts."),
    ] = None
    options: Annotated[
        dict[str, str | int | bool],
        Meta(description='Further ssh_config options by their own names: AddressFamily = "inet".'),
    ] = {}


class Backoff(Section, frozen=True, kw_only=True):
    """How long to wait between attempts, in seconds."""

    initial: Annotated[
        float, Meta(ge=0.01, le=3600, description="Upper bound of the first wait.")
    ] = 0.5
    maximum: Annotated[float, Meta(ge=0.01, le=3600, description="Upper bound of every wait.")] = (
        30.0
    )
    reset_after: Annotated[
        float, Meta(ge=0, le=86400, description="Uptime after which the waits start over.")
    ] = 10.0


class Log(Section, frozen=True, kw_only=True):
    """The log file that people follow."""

    file: Annotated[Text | None, Meta(description="Path; by default agent.log.")] = None
    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least level written.")
    ] = "info"
    format: Annotated[
        Literal["text", "json"], Meta(description="json writes one object a line.")
    ] = "text"
    max_size: Annotated[
        int, Meta(ge=10_000, le=10**12, description="Bytes after which the file is rotated.")
    ] = 5_000_000
    keep: Annotated[int, Meta(ge=1, le=100, description="Rotated files to keep.")] = 3


class Paths(Section, frozen=True, kw_only=True):
    """Where the program keeps its own files; the defaults suit a service and a person."""

    state: Annotated[Text | None, Meta(description="What must outlive a reboot.")] = None
    run: Annotated[Text | None, Meta(description="What is of use only while it runs.")] = None


class Api(Section, frozen=True, kw_only=True):
    """The local API that `ground2cloud status` and the other commands talk to."""

    listen: Annotated[str, Meta(description="Loopback address and port.")] = "127.0.0.1:3015"


class AgentConfig(Section, frozen=True, kw_only=True):
    """A whole `agent.toml`."""

    gateway: Gateway
    service: tuple[Service, ...] = ()
    ssh: Ssh = Ssh()
    backoff: Backoff = Backoff()
    log: Log = Log()
    paths: Paths = Paths()
    api: Api = Api()
