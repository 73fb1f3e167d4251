"""What `agent.toml` may say: the frozen types that the file is decoded into.

The field's `Meta` carries what the sample file and the JSON Schema say about a key, so that the
sample, the schema, the documentation and the check can't disagree. Rules that need more than one
value (unique names, one of two keys) or more than a pattern are in `rules.py`.

In `Meta.extra`, `allowed` says in words what a pattern allows, and `live` marks a key that the
sample file sets although it has a default. The first of `Meta.examples` is what the sample shows.
"""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

MOST_SERVICES = 32
"""Services of one registration on a gateway: with its 4 slots they are 128 permitlisten of its key.
The agent of a plain sshd may have more."""

Port = Annotated[int, Meta(ge=1, le=65535)]
Text = Annotated[str, Meta(min_length=1, max_length=4096)]
Host = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=253,  # RFC 1035, 3.1 less the length bytes
        pattern=r"^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?$|^[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*$",
        extra={"allowed": "a host name or an IP address (IPv6 without brackets)"},
    ),
]
# What ssh itself refuses in a user's name since 9.6, and what it would expand.
_NOT_IN_USER = r"""\s'"`;&<>|(){}$%"""
Account = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        pattern=rf"^[^{_NOT_IN_USER}\\-]([^{_NOT_IN_USER}]*[^{_NOT_IN_USER}\\])?$",
        extra={"allowed": "an account's name without spaces, quotes, %, $ and shell characters"},
    ),
]
Ciphers = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1000,
        pattern=r"^[+^-]?[A-Za-z0-9@.*?!-]+(,[A-Za-z0-9@.*?!-]+)*$",
        extra={"allowed": "names of ciphers with commas between them and no spaces"},
    ),
]
_HOP_USER = rf"[^{_NOT_IN_USER}\\@,:/#-][^{_NOT_IN_USER}\\@,:/#]*"
_HOP_HOST = r"([A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\])"
_HOP = rf"({_HOP_USER}@)?{_HOP_HOST}(:[0-9]{{1,5}})?"
Jump = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1000,
        pattern=f"^{_HOP}(,{_HOP})*$",
        extra={"allowed": "user@host:port (IPv6 in brackets), more of them with commas between"},
    ),
]
Loopback = Annotated[
    str,
    Meta(
        pattern=r"^(127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}$",
        extra={"allowed": "127.0.0.1:PORT, localhost:PORT or [::1]:PORT"},
    ),
]
LocalListen = Annotated[
    Loopback, Meta(description="Loopback address and port; port 0 takes a free one.")
]
OptionText = Annotated[str, Meta(min_length=1, max_length=1000)]
OptionNumber = Annotated[int, Meta(ge=0, le=2**31 - 1)]


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
    """The public machine whose sshd carries the tunnel.

    Leave this table out where the machine runs a Ground2Cloud gateway: ground2cloud register then
    says where it is.
    """

    host: Annotated[
        Host,
        Meta(description="Name or address of the public machine.", examples=["g2c.example.com"]),
    ]
    ssh_port: Annotated[Port, Meta(description="Port of its sshd.")] = 22
    user: Annotated[Account, Meta(description="Account on it.")] = "ground2cloud"
    host_key: Annotated[
        Text | None,
        Meta(
            description="Its public host key, as in /etc/ssh/ssh_host_ed25519_key.pub there."
            " A host is never trusted on first sight: give this or known_hosts.",
            examples=["ssh-ed25519 AAAA…"],
            extra={"live": True},
        ),
    ] = None
    known_hosts: Annotated[
        Text | None,
        Meta(
            description="A known_hosts file that has its key, instead of host_key;"
            " relative to this file's directory.",
            examples=["known_hosts"],
        ),
    ] = None
    identity_file: Annotated[
        Text,
        Meta(
            description="Private key of this machine, without passphrase;"
            " relative to this file's directory."
        ),
    ] = "id_ed25519"


class Service(Section, frozen=True, kw_only=True):
    """One private application and the port it gets on the gateway. One such table for each."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
            description="Name of your choice: lower-case letters, digits, - and _.",
            examples=["quickbooks"],
            extra={"allowed": "up to 63 lower-case letters, digits, - and _"},
        ),
    ]
    kind: Annotated[
        Kind,
        Meta(description="What speaks there; decides how it is checked.", examples=["http"]),
    ]
    host: Annotated[
        Host,
        Meta(
            description="Where the application listens, seen from here.",
            examples=["localhost"],
            extra={"live": True},
        ),
    ] = "localhost"
    port: Annotated[Port, Meta(description="Its port.", examples=[8080])]
    remote_port: Annotated[
        Port,
        Meta(
            description="Port on the gateway that leads to it. Leave it out where there is no"
            " [gateway]: a registered agent gets its ports from its gateway.",
            examples=[11081],
            extra={"live": True},
        ),
    ] = 0  # the gateway of a registered agent allots it
    remote_bind: Annotated[
        Host,
        Meta(
            description="Address on the gateway to listen on. Others than loopback need"
            " GatewayPorts there, and let in who reaches it.",
            examples=["127.0.0.1"],
            extra={"live": True},
        ),
    ] = "127.0.0.1"


class Ssh(Section, frozen=True, kw_only=True):
    """How the system's ssh is run. The defaults are right for almost everyone."""

    program: Annotated[Text, Meta(description="The ssh to run: name or absolute path.")] = "ssh"
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
        Ciphers | None,
        Meta(
            description="Ciphers in ssh's own words; by default the fastest for this processor.",
            examples=["aes256-gcm@openssh.com,chacha20-poly1305@openssh.com"],
        ),
    ] = None
    compression: Annotated[
        bool, Meta(description="Compress: slower on anything but very slow links.")
    ] = False
    jump: Annotated[
        Jump | None,
        Meta(
            description="Host to go through, as user@host:port; its key must be in known_hosts.",
            examples=["ground2cloud@jump.example.com:22"],
        ),
    ] = None
    options: Annotated[
        dict[str, OptionText | OptionNumber | bool],
        Meta(
            description="Further ssh_config options by their own names, their values as they would"
            " stand in ssh_config.",
            examples=[{"AddressFamily": "inet"}],
        ),
    ] = {}


class Backoff(Section, frozen=True, kw_only=True):
    """How long to wait between attempts, in seconds."""

    initial: Annotated[
        float, Meta(ge=0.01, le=3600, description="Upper bound of the first wait.")
    ] = 0.5
    maximum: Annotated[float, Meta(ge=0.01, le=3600, description="Upper bound of every wait.")] = (
        15.0
    )
    reset_after: Annotated[
        float, Meta(ge=0, le=86400, description="Uptime after which the waits start over.")
    ] = 3.0


class Log(Section, frozen=True, kw_only=True):
    """The log file that people follow."""

    file: Annotated[
        Text | None,
        Meta(
            description="Path; by default agent.log where this system keeps logs.",
            examples=["agent.log"],
        ),
    ] = None
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

    state: Annotated[
        Text | None, Meta(description="What must outlive a reboot.", examples=["state"])
    ] = None
    run: Annotated[
        Text | None,
        Meta(
            description="What is of use only while it runs. A short path: sockets are put there.",
            examples=["run"],
        ),
    ] = None


class Api(Section, frozen=True, kw_only=True):
    """The local API that `ground2cloud status` and the other commands talk to."""

    listen: LocalListen = "127.0.0.1:3015"


class AgentConfig(Section, frozen=True, kw_only=True):
    """A whole `agent.toml`."""

    gateway: Gateway | None = None
    service: tuple[Service, ...] = ()
    ssh: Ssh = Ssh()
    backoff: Backoff = Backoff()
    log: Log = Log()
    paths: Paths = Paths()
    api: Api = Api()
