"""What `gateway.toml` may say: the frozen types that the file is decoded into, as in `model.py`."""

from typing import Annotated

from msgspec import Meta

from ground2cloud.config.model import Host, LocalListen, Log, Paths, Port, Section, Text

Account = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=32,
        pattern=r"^[a-z_][a-z0-9_-]*$",
        extra={"allowed": "the name of an account: lower-case letters, digits, - and _"},
    ),
]
Network = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=50,
        pattern=r"^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$",
        extra={"allowed": 'an address or a network, such as "10.0.0.0/8"'},
    ),
]
HostPort = Annotated[
    str,
    Meta(
        max_length=262,
        pattern=r"^([A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$",
        extra={"allowed": "HOST:PORT (IPv6 in brackets)"},
    ),
]
Listen = Annotated[
    tuple[Host, ...],
    Meta(
        description='Addresses to listen on; "::" for IPv6 as well.',
        examples=[["0.0.0.0"]],  # noqa: S104 - a gateway is there to be reached
    ),
]
Seconds = Annotated[int, Meta(ge=1, le=86400)]
_EVERYWHERE = ("0.0.0.0",)  # noqa: S104 - the same


class Public(Section, frozen=True, kw_only=True):
    """This machine, as agents and callers know it."""

    host: Annotated[
        Host,
        Meta(
            description="The public name or address of this machine; join strings carry it.",
            examples=["g2c.example.com"],
        ),
    ]
    names: Annotated[
        tuple[Host, ...],
        Meta(
            description="Further names and addresses for which the backchannel's certificate is"
            " to be good.",
            examples=[["203.0.113.7"]],
        ),
    ] = ()
    user: Annotated[
        Account | None,
        Meta(
            description="Account to become when it is started as root. It needs a home directory"
            " and a shell such as /bin/sh.",
            examples=["ground2cloud-gateway"],
        ),
    ] = None


class Sshd(Section, frozen=True, kw_only=True):
    """The sshd that the agents connect to: one of this program's own."""

    program: Annotated[Text, Meta(description="The sshd to run: name or absolute path.")] = "sshd"
    listen: Listen = _EVERYWHERE
    port: Annotated[Port, Meta(description="Its port.")] = 22
    endpoints: Annotated[
        tuple[HostPort, ...],
        Meta(
            description="What agents are told to connect to, where that is not this host and port"
            " (port forwarding in front of this machine); they try one after the other.",
            examples=[["g2c.example.com:22"]],
        ),
    ] = ()
    max_startups: Annotated[
        int,
        Meta(
            ge=10,
            le=10_000,
            description="Agents that may be logging in at the same time; from one address"
            " a quarter of them, and in any case all that are told to come.",
        ),
    ] = 400
    alive_interval: Annotated[
        int, Meta(ge=1, le=3600, description="Seconds of silence before sshd asks an agent.")
    ] = 5
    alive_count_max: Annotated[
        int, Meta(ge=1, le=100, description="Questions without answer before it gives it up.")
    ] = 2


class Router(Section, frozen=True, kw_only=True):
    """The HAProxy through which callers reach the applications."""

    program: Annotated[Text, Meta(description="The HAProxy to run: name or absolute path.")] = (
        "haproxy"
    )
    listen: Listen = _EVERYWHERE
    port: Annotated[Port, Meta(description="Port for HTTP and CONNECT.")] = 80
    domain: Annotated[
        Host | None,
        Meta(
            description="Domain below which registrations have names (1001.DOMAIN,"
            " SERVICE-1001.DOMAIN); by default gateway.host.",
            examples=["g2c.example.com"],
        ),
    ] = None
    certificate: Annotated[
        Text | None,
        Meta(
            description="PEM file with certificate, chain and private key: then HTTPS is offered"
            " on https_port; relative to this file's directory.",
            examples=["router.pem"],
        ),
    ] = None
    https_port: Annotated[Port, Meta(description="Port for HTTPS.")] = 443
    ssh_on_https_port: Annotated[
        bool,
        Meta(
            description="Let agents in on https_port too: many networks let nothing else out."
            " Works without a certificate."
        ),
    ] = False
    connect_timeout: Annotated[
        Seconds, Meta(description="Seconds to wait for a lane to take a connection.")
    ] = 5
    application_timeout: Annotated[
        Seconds, Meta(description="Seconds to wait for an application's answer to a request.")
    ] = 60
    idle_timeout: Annotated[
        Seconds, Meta(description="Seconds after which a silent connection ends.")
    ] = 3600
    max_connections: Annotated[
        Annotated[int, Meta(ge=10, le=1_000_000)] | None,
        Meta(
            description="Connections at the same time; by default as many as the limit of open"
            " files allows, at two for each.",
            examples=[20000],
        ),
    ] = None
    max_connections_per_source: Annotated[
        int,
        Meta(
            ge=10,
            le=1_000_000,
            description="Connections at the same time from one address (IPv6: one /64); more where"
            " many callers share one.",
        ),
    ] = 1000
    access_log: Annotated[
        Annotated[
            str,
            Meta(
                pattern=r"^(/[A-Za-z0-9._/-]{1,90}|[A-Za-z0-9.:\[\]-]{1,253}:[0-9]{1,5})$",
                extra={"allowed": "/dev/log or HOST:PORT of a syslog server"},
            ),
        ]
        | None,
        Meta(
            description="Where to send a line for each call, without its key: the machine's syslog"
            " or a syslog server by UDP; by default nowhere.",
            examples=["/dev/log"],
        ),
    ] = None


class Plain(Section, frozen=True, kw_only=True):
    """The tunnel ports themselves, without a key, for callers on networks that you name.

    Off unless both keys are set.
    """

    listen: Annotated[
        Host | None,
        Meta(
            description="Address on which HOST:11081 and the other tunnel ports are offered.",
            examples=["10.0.0.5"],
        ),
    ] = None
    sources: Annotated[
        tuple[Network, ...],
        Meta(description="Networks that may use them.", examples=[["10.0.0.0/24"]]),
    ] = ()


class Backchannel(Section, frozen=True, kw_only=True):
    """The HTTPS service at which agents register and report."""

    listen: Listen = _EVERYWHERE
    port: Annotated[Port, Meta(description="Its port.")] = 3014


class Tunnels(Section, frozen=True, kw_only=True):
    """The ports that services get on this machine, one for each service."""

    first_port: Annotated[
        int, Meta(ge=1024, le=65535, description="The first one to be given.")
    ] = 11081
    last_port: Annotated[
        int,
        Meta(
            ge=1024,
            le=65535,
            description="The last one. From 32768 on Linux takes ports for outgoing connections.",
        ),
    ] = 32767


class Records(Section, frozen=True, kw_only=True):
    """Where registrations and element keys are kept."""

    url: Annotated[
        Text | None,
        Meta(
            description="Database; by default registry.sqlite in the state directory. The path of"
            " sqlite:///PATH is relative to this file's directory; sqlite:////PATH is absolute.",
            examples=["postgresql+psycopg://ground2cloud@localhost/ground2cloud"],
        ),
    ] = None


class AuditLog(Section, frozen=True, kw_only=True):
    """The audit log, audit.log in the state directory: who was let in, refused, changed, revoked.

    A full file is renamed with the time in its name, and not changed any more.
    """

    max_size: Annotated[
        int, Meta(ge=10_000, le=10**12, description="Bytes after which another one is begun.")
    ] = 10_000_000
    keep: Annotated[
        int,
        Meta(ge=1, le=10**6, description="Renamed files to keep; beyond, the oldest is removed."),
    ] = 50


class Metrics(Section, frozen=True, kw_only=True):
    """Figures for Prometheus, at /metrics."""

    listen: LocalListen = "127.0.0.1:3016"


class GatewayApi(Section, frozen=True, kw_only=True):
    """The local API that `ground2cloud gateway status` and the other commands talk to."""

    listen: LocalListen = "127.0.0.1:3017"


class GatewayLog(Log, frozen=True, kw_only=True):
    """The log file that people follow."""

    file: Annotated[
        Text | None,
        Meta(
            description="Path; by default gateway.log where this system keeps logs.",
            examples=["gateway.log"],
        ),
    ] = None


class GatewayConfig(Section, frozen=True, kw_only=True):
    """A whole `gateway.toml`."""

    gateway: Public
    ssh: Sshd = Sshd()
    router: Router = Router()
    plain: Plain = Plain()
    backchannel: Backchannel = Backchannel()
    tunnels: Tunnels = Tunnels()
    registry: Records = Records()
    audit: AuditLog = AuditLog()
    metrics: Metrics = Metrics()
    log: GatewayLog = GatewayLog()
    paths: Paths = Paths()
    api: GatewayApi = GatewayApi()
