"""From the configuration to the text of a lane's ssh_config, and to the commands that use it.

Pure. The block `Host lane` holds what is the lane's own, so that no forward and no control socket
ever applies to a jump host; the block `Host *` holds what must be true of every host on the way.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ground2cloud.config.model import Gateway, Ssh
from ground2cloud.config.protected import PROTECTED_OPTIONS
from ground2cloud.openssh import jump, quoting
from ground2cloud.openssh.forward import Forward
from ground2cloud.openssh.program import SshProgram
from ground2cloud.rendering.templates import render

TEMPLATE = "ssh_config.j2"
LANE = "lane"
"""The name of the gateway inside ssh_config; also what ssh is told to connect to."""

HOST_KEY_ALIAS = "ground2cloud-gateway"
"""The name under which the pinned key stands in known_hosts, whatever the gateway's address is."""

HELD_COMMAND = "exec cat"
"""What the held session runs: it echoes the heartbeat, and ends with its input."""

FAST_CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
"""A third faster than OpenSSH's default where the processor computes AES (see `make bench`)."""

PROOF = "ssh_confirm_remote_forward"
"""The function of ssh that says that a forward works."""

TELLING = {
    "kex_exchange_identification": "kex.c",  # dropped, and what an overloaded server says before
    "load_identity_file": "sshconnect2.c",  # no such identity
    "input_userauth_pk_ok": "sshconnect2.c",  # the server knows the key; a denial is the file's
    "sshpkt_vfatal": "packet.c",  # no common algorithm, connection closed or reset
    "ssh_packet_disconnect": "packet.c",  # why this side gave up
    "ssh_packet_read_poll_seqnr": "packet.c",  # what the server gives as its reason
    "channel_input_open_failure": "channels.c",  # a session, or the way through a jump host
    "server_alive_check": "clientloop.c",  # the link is dead
}
"""The other functions of ssh that say how a lane is and are silent at LogLevel ERROR, with the
source file of each."""

CHATTER = ("!nchan*", "!misc*", "!packet.c:*2()*", "!packet.c:*2_*")
"""What ssh and sshd say inwardly of every forwarded connection and never out loud: LogVerbose stops
at the first of these that a line is, and none of the lines wanted by either is one."""

_CHATTER_OF_SSH = (
    *CHATTER,
    "!clientloop.c:cl*",
    "!channels.c:co*",
    *(f"!channels.c:channel_{letter}*" for letter in "npohgf"),  # all but channel_input_…
)

_KEYWORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_HOST_KEY = re.compile(r"(?P<type>[a-z0-9@.-]+) +(?P<key>[A-Za-z0-9+/]+={0,2})(?: .*)?")


@dataclass(frozen=True, slots=True)
class Places:
    """Where a lane finds its files; absolute paths.

    Args:
        config_file: the rendered ssh_config itself.
        identity_file: the private key.
        known_hosts: at least one; the program's own with `known_hosts_line`, or the user's.
        control_path: from `control.control_path`; None for no control socket.
        next_identity_file: a private key that ssh offers after the first one, while it is not yet
            known which of the two the gateway takes.
    """

    config_file: Path
    identity_file: Path
    known_hosts: tuple[Path, ...]
    control_path: Path | None = None
    next_identity_file: Path | None = None


def lane_config(
    gateway: Gateway,
    ssh: Ssh,
    forwards: Sequence[Forward],
    places: Places,
    program: SshProgram,
    *,
    aes: bool,
    alias: str | None = None,
) -> str:
    """Return the whole ssh_config of one lane.

    Args:
        gateway: table of the configuration.
        ssh: table of the configuration.
        forwards: what the lane carries, at least one.
        places: its files.
        program: the ssh that will read it.
        aes: whether the processor computes AES by itself.
        alias: the name under which known_hosts has the gateway, where that is not its address and
            `gateway.host_key` is not set.

    Raises:
        ValueError: a value can't be written so that ssh reads the same back; says which.
    """
    if not forwards:
        raise ValueError("a lane without forwards would never be ready")
    hops = jump.parse(ssh.jump) if ssh.jump else ()
    return render(
        TEMPLATE,
        lane=LANE,
        host=_quoted(quoting.tokens(quoting.host(gateway.host)), program),
        port=gateway.ssh_port,
        user=_quoted(quoting.user(gateway.user), program),
        host_key_alias=HOST_KEY_ALIAS if gateway.host_key else alias,
        proxy_command=_through(len(hops), places, program),
        forwards=[forward.directive for forward in forwards],
        hops=[_hop(index, hop, gateway, places, program) for index, hop in enumerate(hops)],
        control_path=_path(places.control_path, program) if places.control_path else None,
        connect_timeout=ssh.connect_timeout,
        server_alive_interval=ssh.server_alive_interval,
        server_alive_count_max=ssh.server_alive_count_max,
        known_hosts=[
            _path(file, program, expands=program.known_hosts_tokens) for file in places.known_hosts
        ],
        identity_files=[
            _path(file, program)
            for file in (places.identity_file, places.next_identity_file)
            if file is not None
        ],
        log_verbose=_log_verbose(program) if program.log_verbose else None,
        ciphers=_ciphers(ssh, program, aes=aes),
        compression=_yes_no(ssh.compression),
        options=_further(ssh.options),
    )


def argv(program: SshProgram, config_file: Path, *, session: bool) -> tuple[str, ...]:
    """Return the command that runs the lane: with a held session beside the forwards, or without.

    With a session its stdin must stay open for as long as the lane is to live.
    """
    start = (program.path, "-F", str(config_file), "-T")
    return (*start, LANE, HELD_COMMAND) if session else (*start, "-N", LANE)


def check_argv(program: SshProgram, config_file: Path) -> tuple[str, ...]:
    """Return the command that only reads the file: 0, or 255 and the line that is wrong."""
    return (program.path, "-G", "-F", str(config_file), LANE)


def known_hosts_line(gateway: Gateway) -> str | None:
    """Return the line of known_hosts that pins `gateway.host_key`; None where there is none.

    Raises:
        ValueError: the key is not of the form `type base64`.
    """
    if gateway.host_key is None:
        return None
    match = _HOST_KEY.fullmatch(quoting.plain(gateway.host_key.strip()))
    if match is None:
        raise ValueError("gateway.host_key is not of the form: ssh-ed25519 AAAA…")
    return f"{HOST_KEY_ALIAS} {match['type']} {match['key']}\n"


def authority_line(alias: str, key: str) -> str:
    """Return the line of known_hosts that trusts every host key which this authority signed.

    Args:
        alias: the name that the certificates are for.
        key: the authority's public key.

    Raises:
        ValueError: the key is not of the form `type base64`.
    """
    match = _HOST_KEY.fullmatch(quoting.plain(key.strip()))
    if match is None:
        raise ValueError("the host CA is not of the form: ssh-ed25519 AAAA…")
    return f"@cert-authority {quoting.host(alias)} {match['type']} {match['key']}\n"


def _hop(
    index: int, hop: jump.Hop, gateway: Gateway, places: Places, program: SshProgram
) -> dict[str, object]:
    return {
        "alias": jump.alias(index),
        "host": _quoted(quoting.tokens(hop.host), program),
        "port": hop.port,
        "user": _quoted(hop.user or quoting.user(gateway.user), program),
        "proxy_command": _through(index, places, program),
    }


def _quoted(value: str, program: SshProgram) -> str:
    return quoting.quote(value, escapes=program.escapes)


def _path(value: Path, program: SshProgram, *, expands: bool = True) -> str:
    return _quoted(quoting.path(value, expands=expands), program)


def _through(hops: int, places: Places, program: SshProgram) -> str | None:
    """Return the ProxyCommand of whoever stands behind so many hops."""
    return jump.proxy_command(program.path, places.config_file, hops - 1) if hops else None


def _log_verbose(program: SshProgram) -> str:
    """Return the patterns of the functions that are to speak.

    ssh tries every pattern on every line that it does not print, some 36 for each connection. So
    those that make up most of them come first, each of which ends the search: without them a new
    connection costs it 45 % more instructions than no LogVerbose at all, with them 12 %. The proof
    alone is searched for wherever a version of ssh may have it, and everything is where the name of
    a source file has a path before it.
    """
    if not program.bare_sources:
        return ",".join(f"*:{name}():*" for name in (PROOF, *TELLING))
    telling = (f"{file}:{name}():*" for name, file in TELLING.items())
    return ",".join((*_CHATTER_OF_SSH, f"*:{PROOF}():*", *telling))


def _ciphers(ssh: Ssh, program: SshProgram, *, aes: bool) -> str | None:
    if ssh.ciphers is not None:
        return _quoted(ssh.ciphers, program)
    return FAST_CIPHERS if aes and program.cipher_prefix else None


def _further(options: Mapping[str, str | int | bool]) -> list[tuple[str, str]]:
    """Return `[ssh.options]` in ssh_config's own words, each on a line that it can't leave."""
    for name in options:
        if not _KEYWORD.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of an ssh option")
        if name.lower() in PROTECTED_OPTIONS:
            raise ValueError(f"{name} is the program's own to set")
    return [(name, _word(value)) for name, value in options.items()]


def _word(value: str | int | bool) -> str:  # noqa: FBT001 - TOML's three kinds of value
    if isinstance(value, bool):
        return _yes_no(value)
    return quoting.plain(str(value))


def _yes_no(value: bool) -> str:  # noqa: FBT001 - that is all there is to say
    return "yes" if value else "no"
