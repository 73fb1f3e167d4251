"""Reach an application as ssh does: every address of its name, one after the other."""

import asyncio
import contextlib
import socket
import threading

_Address = tuple[int, tuple[object, ...]]
"""Family and socket address."""


async def connect(host: str, port: int) -> socket.socket:
    """Return a non-blocking connection to the first address that takes one.

    Raises:
        OSError: none did; the error of the last address. A name that isn't found is a
            `socket.gaierror`.
    """
    error = OSError(f"{host} has no address")
    for family, address in await resolve(host, port):
        trial = socket.socket(family, socket.SOCK_STREAM)
        trial.setblocking(False)  # noqa: FBT003 - the name says what it is
        try:
            await asyncio.get_running_loop().sock_connect(trial, address)
        except OSError as refusal:
            trial.close()
            error = refusal
        except BaseException:
            trial.close()
            raise
        else:
            return trial
    raise error


async def resolve(host: str, port: int) -> list[_Address]:
    """Look the name up in a thread that nobody waits for at the end of the program.

    A resolver without network may hang for half a minute. In the loop's own pool (where
    `loop.getaddrinfo` runs) it would hold up the program's end for as long.

    Raises:
        socket.gaierror: not found.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[_Address]] = loop.create_future()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            result: BaseException | list[_Address] = [(one[0], one[4]) for one in found]
        except (OSError, ValueError) as error:  # ValueError: no name could look like that
            result = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
            loop.call_soon_threadsafe(_deliver, answer, result)

    threading.Thread(target=look_up, name=f"look up {host}", daemon=True).start()
    return await answer


def _deliver(
    answer: asyncio.Future[list[_Address]], result: BaseException | list[_Address]
) -> None:
    if answer.done():  # cancelled: the check took too long
        return
    if isinstance(result, BaseException):
        answer.set_exception(result)
    else:
        answer.set_result(result)
