"""Rules of `gateway.toml` that need more than one value, or more than a type and a pattern."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path

from ground2cloud.config.rules import is_address, is_domain, is_host, path_faults
from ground2cloud.config.walk import Finding, Table
from ground2cloud.config.words import show

_LAST_PORT = 65535
_SLOTS = ipaddress.ip_network("127.0.0.0/29")
"""Where lanes listen (`registry.records.SLOTS`), with the two that a router may have besides."""

_DATABASES = ("sqlite", "postgresql")


def find(root: Table) -> Iterator[Finding]:
    """Yield everything that the rules find wrong in a file."""
    for rule in _RULES:
        yield from rule(root)


def _hosts_are_real(root: Table) -> Iterator[Finding]:
    table = root.table("gateway")
    host = table.text("host")
    router = root.table("router")
    domain = router.text("domain")
    for place, name in ((table.place("host"), host), (router.place("domain"), domain)):
        if name is not None and not is_host(name):
            yield place, f"expected a host name or an IP address, got {show(name)}"
    if domain is None:
        place, domain = table.place("host"), host  # which is the domain where no other is named
    else:
        place = router.place("domain")
    if domain is not None and is_host(domain) and not _can_be_domain(domain):
        yield place, f"expected a domain such as g2c.example.com, got {show(domain)}"
    for name in table.texts("names"):
        if not is_host(name):
            yield table.place("names"), f"expected a host name or an IP address, got {show(name)}"
    if host is not None and host in {"0.0.0.0", "::", "*"}:  # noqa: S104 - refused here
        yield table.place("host"), "agents need a name or an address to go to"


def _can_be_domain(name: str) -> bool:
    return is_address(name) or is_domain(name.lower().rstrip("."))


def _listens_are_addresses(root: Table) -> Iterator[Finding]:
    for name in ("ssh", "router", "backchannel"):
        table = root.table(name)
        found = table.texts("listen")
        if "listen" in table.given and "listen" in table.values and not found:
            yield table.place("listen"), "must not be empty"
        for address in found:
            if not is_address(address):
                yield table.place("listen"), f"expected an IP address, got {show(address)}"
        if len(set(found)) < len(found):
            yield table.place("listen"), "names an address twice"
    plain = root.table("plain")
    listen = plain.text("listen")
    if listen is not None and not is_address(listen):
        yield plain.place("listen"), f"expected an IP address, got {show(listen)}"


def _endpoints_have_ports(root: Table) -> Iterator[Finding]:
    ssh = root.table("ssh")
    for text in ssh.texts("endpoints"):
        host, _, port = text.rpartition(":")
        if not is_host(host.removeprefix("[").removesuffix("]")):
            yield ssh.place("endpoints"), f"expected HOST:PORT, got {show(text)}"
        elif not 1 <= int(port) <= _LAST_PORT:
            yield ssh.place("endpoints"), f"expected a port of 1..{_LAST_PORT}, got {show(text)}"


def _loopback_ports_exist(root: Table) -> Iterator[Finding]:
    for name in ("metrics", "api"):
        table = root.table(name)
        listen = table.text("listen")
        if listen is not None and int(listen.rpartition(":")[2]) > _LAST_PORT:
            yield table.place("listen"), f"expected a port of 0..{_LAST_PORT}, got {show(listen)}"


def _ports_differ(root: Table) -> Iterator[Finding]:
    tunnels, router = root.table("tunnels"), root.table("router")
    first, last = tunnels.number("first_port"), tunnels.number("last_port")
    if first is not None and last is not None and first > last:
        yield tunnels.place("last_port"), f"expected at least first_port ({first}), got {last}"
    taken: dict[int | float, str] = {}
    secure = router.text("certificate") is not None or router.values.get("ssh_on_https_port")
    for name, key in (
        ("ssh", "port"),
        ("router", "port"),
        ("router", "https_port"),
        ("backchannel", "port"),
    ):
        place, port = root.table(name).place(key), root.table(name).number(key)
        if port is None or (key == "https_port" and not secure):
            continue
        if port in taken:
            yield place, f"{port} is taken by {taken[port]}"
        elif first is not None and last is not None and first <= port <= last:
            yield place, f"{port} is one of the tunnel ports ({first}..{last})"
        taken.setdefault(port, place)


def _plain_is_named_as_a_whole(root: Table) -> Iterator[Finding]:
    plain = root.table("plain")
    listen, sources = plain.text("listen"), plain.texts("sources")
    if listen is not None and "sources" in plain.values and not sources:
        yield plain.place("sources"), "name the networks that may use the tunnel ports"
    if sources and listen is None and "listen" not in plain.given:
        yield plain.place("listen"), "name the address on which the tunnel ports are offered"
    for text in sources:
        try:
            ipaddress.ip_network(text)
        except ValueError:
            words = f'expected an address or a network such as "10.0.0.0/8", got {show(text)}'
            yield plain.place("sources"), words
    if listen is not None and is_address(listen) and _meets_lanes(listen):
        words = "the lanes themselves listen on 127.0.0.1 to 127.0.0.4, and so would 0.0.0.0 and ::"
        yield plain.place("listen"), words


def _meets_lanes(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    return ip.is_unspecified or ip in _SLOTS


def _database_is_known(root: Table) -> Iterator[Finding]:
    table = root.table("registry")
    url = table.text("url")
    if url is not None and url.partition(":")[0].partition("+")[0] not in _DATABASES:
        # A URL may carry a password: it is not shown.
        yield table.place("url"), "expected sqlite:///PATH or postgresql+psycopg://…"


def _paths_are_plain(root: Table) -> Iterator[Finding]:
    router, log, paths = root.table("router"), root.table("log"), root.table("paths")
    for table, key in (
        (router, "certificate"),
        (paths, "state"),
        (paths, "run"),
        (log, "file"),
    ):
        text = table.text(key)
        if text is not None:
            yield from path_faults(table.place(key), text, reaches_ssh=table is not log)


def _programs_are_found_anywhere(root: Table) -> Iterator[Finding]:
    for name in ("ssh", "router"):
        table = root.table(name)
        program = table.text("program")
        if program is None:
            continue
        if program.startswith("-"):
            yield table.place("program"), "a program's name must not begin with -"
        elif Path(program).name != program and not Path(program).is_absolute():
            yield (
                table.place("program"),
                f"expected a name that is in PATH or an absolute path, got {show(program)}",
            )


_RULES = (
    _hosts_are_real,
    _listens_are_addresses,
    _endpoints_have_ports,
    _loopback_ports_exist,
    _ports_differ,
    _plain_is_named_as_a_whole,
    _database_is_known,
    _paths_are_plain,
    _programs_are_found_anywhere,
)
