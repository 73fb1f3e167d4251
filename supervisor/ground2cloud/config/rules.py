"""Rules that need more than one value, or more than a type and a pattern.

Each rule is a generator over what is right so far, and yields what it finds wrong. A rule says
nothing about values that are missing because they are wrong already.
"""

import ipaddress
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ground2cloud.config.host_key import find_fault
from ground2cloud.config.protected import REASONS
from ground2cloud.config.walk import Finding, Table
from ground2cloud.config.words import show

_OPTION = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_BINDS = 'an IP address ("0.0.0.0" or "::" for every interface) or "localhost"'
_HOST_LENGTH = 253  # RFC 1035, as in model.Host
_LAST_PORT = 65535
_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
)


def find(root: Table) -> Iterator[Finding]:
    """Yield everything that the rules find wrong in a file."""
    for rule in _RULES:
        yield from rule(root)


def _says_something(root: Table) -> Iterator[Finding]:
    """An empty file is one that is being written, or was cut off: never what somebody meant."""
    if not root.given & {"gateway", "service"}:
        yield "", "expected [gateway] or a [[service]]; the file has neither"


def _host_is_known(root: Table) -> Iterator[Finding]:
    gateway = root.table("gateway")
    if "gateway" not in root.given or "gateway" not in root.values:
        return  # the agent is registered, or it is no table
    if not gateway.given & {"host_key", "known_hosts"}:
        yield (
            gateway.place("host_key"),
            "give host_key or known_hosts; a host is never trusted on first sight",
        )
    if gateway.given >= {"host_key", "known_hosts"}:
        yield gateway.place("known_hosts"), "give either host_key or known_hosts, not both"


def _host_key_is_one(root: Table) -> Iterator[Finding]:
    gateway = root.table("gateway")
    text = gateway.text("host_key")
    fault = None if text is None else find_fault(text)
    if fault:
        yield gateway.place("host_key"), fault


def _addresses_are_real(root: Table) -> Iterator[Finding]:
    for table in (root.table("gateway"), *root.tables("service")):
        host = table.text("host")
        if host is not None and not is_host(host):
            yield table.place("host"), f"expected a host name or an IP address, got {show(host)}"
    for table in root.tables("service"):
        bind = table.text("remote_bind")
        if bind is not None and bind != "localhost" and not is_address(bind):
            yield table.place("remote_bind"), f"expected {_BINDS}, got {show(bind)}"


def is_host(text: str) -> bool:
    """Whether it may be a name: what ends in a number, or has a colon, must be an address."""
    last = text.rstrip(".").rpartition(".")[2]
    return is_address(text) if ":" in text or last.isdigit() else True


def is_domain(text: str) -> bool:
    """Whether registrations can have names below it; in small letters, without a dot at its end."""
    return _DOMAIN.fullmatch(text) is not None


def is_address(text: str) -> bool:
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _services_differ(root: Table) -> Iterator[Finding]:
    for key in ("name", "remote_port"):
        first: dict[object, str] = {}
        for table in root.tables("service"):
            value = table.values.get(key)
            if value in first and value != 0:
                yield table.place(key), f"{show(value)} is taken by {first[value]}"
            elif value is not None:
                first[value] = table.where


def _ports_come_from_one_side(root: Table) -> Iterator[Finding]:
    """A plain sshd is told the ports; the gateway of a registered agent allots them."""
    services = root.tables("service")
    if "gateway" in root.given:
        for table in services:
            if "remote_port" not in table.given:
                yield table.place("remote_port"), "required, but missing"
        return
    for table in services:
        for key in ("remote_port", "remote_bind"):
            if key in table.given:
                place = table.place(key)
                missing = "the table [gateway] is missing; it needs host"
                yield "gateway", f"{missing}. A registered agent has none, and no {place} either"
                return


def _waits_are_ordered(root: Table) -> Iterator[Finding]:
    backoff = root.table("backoff")
    initial, maximum = backoff.number("initial"), backoff.number("maximum")
    if initial is not None and maximum is not None and initial > maximum:
        yield (
            backoff.place("initial"),
            f"expected at most backoff.maximum ({maximum:g}), got {initial:g}",
        )


def _api_port_exists(root: Table) -> Iterator[Finding]:
    api = root.table("api")
    listen = api.text("listen")
    if listen is not None and int(listen.rpartition(":")[2]) > _LAST_PORT:
        yield api.place("listen"), f"expected a port of 0..{_LAST_PORT}, got {show(listen)}"


def _paths_are_plain(root: Table) -> Iterator[Finding]:
    gateway, log, paths = root.table("gateway"), root.table("log"), root.table("paths")
    for table, key, reaches_ssh in (
        (gateway, "identity_file", True),
        (gateway, "known_hosts", True),
        (paths, "state", True),
        (paths, "run", True),
        (log, "file", False),
    ):
        text = table.text(key)
        if text is not None:
            yield from path_faults(table.place(key), text, reaches_ssh=reaches_ssh)


def path_faults(place: str, text: str, *, reaches_ssh: bool) -> Iterator[Finding]:
    """Yield what is wrong with a path; one that `reaches_ssh` is read by OpenSSH as well."""
    if text.startswith("-"):
        yield place, "a path must not begin with -; write ./ in front of it"
    if text.startswith("~") and os.path.expanduser(text) == text:  # noqa: PTH111 - Path raises
        yield place, f"no home directory is known for {show(text)}"
    path = Path(text)
    if path.drive and not path.root:  # Windows: `C:key` is relative to where C: is at the moment
        yield place, f"expected a path with a folder behind the drive, got {show(text)}"
    if reaches_ssh and "${" in text:
        yield place, "${ is not allowed: ssh would put a variable there"


def _program_is_found_anywhere(root: Table) -> Iterator[Finding]:
    ssh = root.table("ssh")
    program = ssh.text("program")
    if program is None:
        return
    if program.startswith("-"):
        yield ssh.place("program"), "a program's name must not begin with -"
    elif Path(program).name != program and not Path(program).is_absolute():
        yield (
            ssh.place("program"),
            f"expected a name that is in PATH or an absolute path, got {show(program)}",
        )


def _jumps_are_known(root: Table) -> Iterator[Finding]:
    gateway, ssh = root.table("gateway"), root.table("ssh")
    jump = ssh.text("jump")
    if jump is None:
        return
    if "gateway" not in root.given:
        yield ssh.place("jump"), "needs [gateway]: a registered agent goes straight to its gateway"
    if "host_key" in gateway.given:
        yield (
            ssh.place("jump"),
            "needs gateway.known_hosts instead of host_key, with the key of every host on the way",
        )
    for hop in jump.split(","):
        if fault := _fault_of_hop(hop):
            yield ssh.place("jump"), fault


def _fault_of_hop(hop: str) -> str | None:
    address = hop.rpartition("@")[2]
    bracketed = re.match(r"\[(.*)\]", address)
    host = bracketed[1] if bracketed else address.partition(":")[0]
    port = address.removeprefix(f"[{host}]" if bracketed else host).removeprefix(":")
    wrong = not is_host(host) or len(host) > _HOST_LENGTH or (bracketed and ":" not in host)
    if wrong or host.lower() == "none":
        return f"expected a host name or an IP address, got {show(host)}"
    if port and not 1 <= int(port) <= _LAST_PORT:
        return f"expected a port of 1..{_LAST_PORT}, got {port}"
    return None


def _options_are_free(root: Table) -> Iterator[Finding]:
    ssh = root.table("ssh")
    options = ssh.table("options")
    seen: dict[str, str] = {}
    for key in sorted(options.given):
        word, place = key.lower(), options.place(key)
        if not _OPTION.fullmatch(key):
            yield place, "expected the name of an ssh_config option: letters and digits"
        elif word in REASONS:
            yield place, f"{key} can't be set here: {REASONS[word]}"
        elif word in seen:
            yield place, f"is the same option as {seen[word]}"
        elif word == "proxycommand" and "jump" in ssh.given:
            yield place, "give either ProxyCommand or ssh.jump, not both"
        elif (text := options.text(key)) is not None and not text.strip():
            yield place, "must not be empty"
        seen.setdefault(word, key)


_RULES = (
    _says_something,
    _host_is_known,
    _host_key_is_one,
    _addresses_are_real,
    _services_differ,
    _ports_come_from_one_side,
    _waits_are_ordered,
    _api_port_exists,
    _paths_are_plain,
    _program_is_found_anywhere,
    _jumps_are_known,
    _options_are_free,
)
