"""What HAProxy answers, taken apart. Pure; lines that are not understood are left out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FIELDS = re.compile(r"(\w+)(?:\(\d+\))?=(\S*)")
_SESSION = re.compile(r"(?P<session>0x[0-9a-f]+): proto=\S+ src=(?P<address>\S+):(?P<port>\d+) ")
_WORKER = re.compile(r"(?m)^(\d+)\s+worker\s")


@dataclass(frozen=True, slots=True)
class Usage:
    """What went over a route since the router's last reload, as far as it is counted.

    Args:
        requests: requests, CONNECTs and plain connections.
        open: how many of them last now.
        bytes_in: from callers to the application.
        bytes_out: from the application to callers.
    """

    requests: int
    open: int
    bytes_in: int
    bytes_out: int


@dataclass(frozen=True, slots=True)
class Call:
    """A CONNECT, a WebSocket or a plain connection that lasts.

    Args:
        source: address of the caller.
        source_port: and its port.
        element: None on a plain port.
        route: `1001/postgres`.
    """

    source: str
    source_port: int
    element: int | None
    route: str


def usages(answer: str) -> dict[str, Usage]:
    """Read `show table routes`."""
    found = {}
    for line in answer.splitlines():
        fields = dict(_FIELDS.findall(line))
        if "key" in fields and "bytes_out_cnt" in fields:
            found[fields["key"]] = Usage(
                int(fields["conn_cnt"]),
                int(fields["conn_cur"]),
                int(fields["bytes_in_cnt"]),
                int(fields["bytes_out_cnt"]),
            )
    return found


def entries(answer: str) -> dict[str, str]:
    """Read `show map`."""
    found = {}
    for line in answer.splitlines():
        pointer, _, rest = line.partition(" ")
        key, _, value = rest.partition(" ")
        if pointer.startswith("0x") and key:
            found[key] = value
    return found


def calls(answer: str) -> Iterator[Call]:
    """Read `show map calls.map`: also of connections that ended a while ago."""
    for key, value in entries(answer).items():
        source, _, port = key.rpartition("@")
        element, route, *_ = (*value.split("@"), "")
        if port.isdecimal() and route:
            yield Call(source, int(port), int(element) if element.isdecimal() else None, route)


def sessions(answer: str) -> dict[tuple[str, int], str]:
    """Read `show sess`: the number of the session of every caller's address and port."""
    return {
        (match["address"], int(match["port"])): match["session"]
        for match in map(_SESSION.match, answer.splitlines())
        if match
    }


def workers(answer: str) -> tuple[int, ...]:
    """Read `show proc`: the workers' process numbers, also of those before a reload."""
    return tuple(int(pid) for pid in _WORKER.findall(answer))
