"""Ends a question to PostgreSQL that is not answered in time.

libpq waits for ever for a server that lives and does not answer (it is stopped, its disk hangs):
TCP sees nothing wrong. So the socket of a connection that was lent for too long is shut down, and
whoever waits for it is told that the connection is lost.
"""

import contextlib
import os
import socket
import threading
from typing import Any

from sqlalchemy import Connection, Engine, event, exc

PING = 3.0
"""Seconds in which a connection has to show that it is one: a new one, and one that was kept."""

QUESTION = 12.0
"""Seconds for a transaction; longer than it may wait for another one to end."""

_OPENING = "opening"
_MARK = "patience"


def be_impatient(engine: Engine) -> None:
    """Watch every connection that this engine lends; it must be one of psycopg."""

    def begin(connection: Any, record: Any) -> None:  # noqa: ANN401 - untyped in SQLAlchemy
        # A pooler in between lets one log in while the server hangs; SQLAlchemy has questions then.
        record.info[_OPENING] = _cut_after(PING, connection)

    def lend(connection: Any, record: Any, _proxy: object) -> None:  # noqa: ANN401 - the same
        opening = record.info.pop(_OPENING, None)
        if opening is not None:
            opening.cancel()
        ping = _cut_after(PING, connection)
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            if opening is not None:
                raise  # a new one: another one would be no better
            # Then so are the others that were kept. The caller gets a new one.
            raise exc.InvalidatePoolError from error
        finally:
            ping.cancel()
        record.info[_MARK] = _cut_after(QUESTION, connection)

    def take_back(_connection: object, record: Any) -> None:  # noqa: ANN401 - the same
        timer = record.info.pop(_MARK, None)
        if timer is not None:
            timer.cancel()

    event.listen(engine, "connect", begin, insert=True)
    event.listen(engine, "checkout", lend)
    event.listen(engine, "checkin", take_back)


def be_patient(connection: Connection) -> None:
    """Let the transaction that was just begun take as long as it takes."""
    timer = connection.info.pop(_MARK, None)
    if timer is not None:
        timer.cancel()


def _cut_after(seconds: float, connection: Any) -> threading.Timer:  # noqa: ANN401 - the same
    timer = threading.Timer(seconds, _cut, (connection,))
    timer.daemon = True
    timer.start()
    return timer


def _cut(connection: Any) -> None:  # noqa: ANN401 - the same
    if connection.closed:
        return
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as it:
        it.shutdown(socket.SHUT_RDWR)
