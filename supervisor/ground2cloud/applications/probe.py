"""Ask an application, by its kind, whether it answers: one connection, few bytes, bounded time."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ground2cloud.applications import http, mysql, postgresql, sqlserver, tcp
from ground2cloud.applications.connect import connect
from ground2cloud.applications.conversation import Conversation, NoAnswerError, shown
from ground2cloud.config.model import Kind

_CHECKS: dict[Kind, Callable[[Conversation], Awaitable[None]]] = {
    Kind.HTTP: http.check,
    Kind.POSTGRESQL: postgresql.check,
    Kind.MYSQL: mysql.check,
    Kind.SQLSERVER: sqlserver.check,
    Kind.TCP: tcp.check,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a check.

    Attributes:
        ok: the application answered as its kind does, whatever it thinks of us.
        detail: one line of printable characters for people: what it said, or why that counts as no
            answer.
        took: seconds until that was known.
    """

    ok: bool
    detail: str
    took: float


async def probe(kind: Kind, host: str, port: int, *, timeout: float) -> Answer:  # noqa: ASYNC109 - the caller names the bound, this function keeps it
    """Check one application within `timeout` seconds.

    Never raises for what the other side does: refused, reset, silent, garbage and endless data are
    answers.
    """
    clock = asyncio.get_running_loop().time
    start = clock()
    talk: Conversation | None = None
    trouble = ""
    try:
        async with asyncio.timeout(timeout):
            talk = Conversation(host, port, await connect(host, port))
            await _CHECKS[kind](talk)
    except (NoAnswerError, OSError, ValueError) as error:
        trouble = _words(error, shown(host.encode()), timeout)
    finally:
        if talk is not None:
            talk.close()
    if talk is not None and talk.detail is not None:
        return Answer(ok=True, detail=talk.detail, took=talk.answered_at - start)
    return Answer(ok=False, detail=trouble, took=clock() - start)


def _words(error: Exception, host: str, timeout: float) -> str:
    match error:
        case NoAnswerError():
            words = str(error)
        case socket.gaierror():
            words = f"can't find the host {host}: {error.strerror}"
        case TimeoutError():
            words = f"no answer within {timeout:g} s"
        case ConnectionRefusedError():
            words = "connection refused"
        case ConnectionError():
            words = "closed the connection"
        case OSError():
            words = f"can't be reached: {error.strerror or error}"
        case _:
            words = f"can't find the host {host}: not a host name"
    return words
