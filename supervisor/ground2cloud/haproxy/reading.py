"""What HAProxy answers, taken apart. Pure; lines that are not understood are left out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FIELDS = re.compile(r"(\w+)(?:\(\d+\))?=(\S*)")
_USAGE = re.compile(
    r" key=(\S+) .*\bconn_cnt=(\d+) conn_cur=(\d+) bytes_in_cnt=(\d+) bytes_out_cnt=(\d+)"
)
_SESSION = re.compile(
    r"(?P<session>0x[0-9a-f]+): proto=\S+"
    r" src=(?:::ffff:(?=\d+\.[\d.]+:))?(?P<source>\S+):(?P<port>\d+) fe=\S+"
    r" be=(?:http|tcp|tls)_.* scb=\[(?P<state>\d+),"
)
_SERVER_LEFT = 9
"""From this state on, HAProxy has nothing to do any more with the server's end of a stream."""
_CALL = re.compile(
    r" key=(?P<route>\d+/[^@\s]+)@(?P<element>\d+|-)@(?P<source>[^@\s]+)(?:@(?P<port>\d+))? "
)
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

    def __add__(self, other: "Usage") -> "Usage":
        """Both together."""
        return Usage(
            self.requests + other.requests,
            self.open + other.open,
            self.bytes_in + other.bytes_in,
            self.bytes_out + other.bytes_out,
        )


@dataclass(frozen=True, slots=True)
class Call:
    """Requests, CONNECTs, WebSockets or plain connections under way.

    Args:
        source: address of the caller.
        port: and its port; None for those of an element with limits, which are known by the
            address alone.
        element: None on a plain port.
        route: `1001/postgres`.
    """

    source: str
    port: int | None
    element: int | None
    route: str

    @property
    def registration(self) -> int:
        """Whose service it goes to."""
        return int(self.route.partition("/")[0])


def usages(answer: str) -> dict[str, Usage]:
    """Read `show table routes`, or `show table limited`: by their keys."""
    return {
        key: Usage(int(requests), int(open_), int(bytes_in), int(bytes_out))
        for key, requests, open_, bytes_in, bytes_out in _USAGE.findall(answer)
    }


def refusals(answer: str) -> dict[str, int]:
    """Read `show table sources`: how many connections of which address were refused."""
    lines = (dict(_FIELDS.findall(line)) for line in answer.splitlines())
    return {
        fields["key"].removeprefix("::ffff:"): int(fields["gpc0"])
        for fields in lines
        if "key" in fields and "gpc0" in fields
    }


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
    """Read `show table callers`, or `show table limited`."""
    for match in _CALL.finditer(answer):
        port = int(match["port"]) if match["port"] else None
        element = int(match["element"]) if match["element"] != "-" else None
        yield Call(match["source"], port, element, match["route"])


def sessions(answer: str) -> Iterator[tuple[str, tuple[str, int]]]:
    """Read `show sess`: every stream to an application, with its caller's address and port.

    An IPv4 address is itself, also where it came to an IPv6 socket.
    Of what comes by TLS on a shared port, it is the stream that leads from there to the router.
    """
    for match in map(_SESSION.match, answer.splitlines()):
        if match and int(match["state"]) < _SERVER_LEFT:
            yield match["session"], (match["source"], int(match["port"]))


def workers(answer: str) -> tuple[int, ...]:
    """Read `show proc`: the workers' process numbers, also of those before a reload."""
    return tuple(int(pid) for pid in _WORKER.findall(answer))


def present_worker(answer: str) -> int | None:
    """Read `show proc`: the worker that serves now."""
    return next(iter(workers(answer.partition("# old workers")[0])), None)


def older_workers(answer: str) -> tuple[int, ...]:
    """Read `show proc`: of the workers only those from before a reload."""
    return workers(answer.partition("# old workers")[2])
