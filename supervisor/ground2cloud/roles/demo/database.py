"""The private database of the demo: a PostgreSQL with fresh data, where its server is installed."""

from pathlib import Path

from ground2cloud.core import oneshot
from ground2cloud.roles.demo.account import ACCOUNT
from ground2cloud.roles.demo.children import Children
from ground2cloud.roles.demo.error import DemoError
from ground2cloud.roles.demo.needs import DatabasePrograms
from ground2cloud.roles.gateway import system

_INIT = ("--no-sync", "--auth=trust", "--username=postgres", "--locale=C", "--encoding=UTF8")
_QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=16MB")
_TIMEOUT = 60.0
_USER = "postgres"

QUESTION = "show server_version"


class Database:
    """A PostgreSQL that trusts everyone on loopback.

    Args:
        programs: its own.
        directory: for its data; made here.
        port: where it listens.
    """

    def __init__(self, programs: DatabasePrograms, directory: Path, port: int) -> None:
        self.port = port
        self._programs = programs
        self._data = directory
        # It refuses to run as root.
        root = system.number() == 0
        self._as = system.command_as(ACCOUNT, die_with_parent=True) if root else ()

    async def open(self, children: Children) -> None:
        """Make the data, and start the server.

        Raises:
            DemoError: the data can't be made.
            OSError: the directory can't be made.
        """
        if self._as:
            system.give(self._data, ACCOUNT)
        options = (*_INIT, f"--pgdata={self._data}")
        made = await oneshot.run((*self._as, self._programs.initdb, *options), timeout=_TIMEOUT)
        if not made.ok:
            raise DemoError(f"PostgreSQL's data can't be made: {made.err.strip()[-500:]}")
        values = (
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            f"unix_socket_directories={self._data}",
            *_QUICK,
        )
        settings = (word for value in values for word in ("-c", value))
        argv = (*self._as, self._programs.server, "-D", str(self._data), *settings)
        children.start("PostgreSQL", *argv)

    async def ask(self, port: int) -> str:
        """Ask with psql, at the server's own port or one that leads to it; answer its table.

        Raises:
            ConnectionError: no answer.
        """
        where = ("-h", "127.0.0.1", "-p", str(port), "-U", _USER)
        options = ("-X", "-P", "footer=off", "-v", "ON_ERROR_STOP=1", "-c", QUESTION)
        argv = (self._programs.psql, *where, *options, "postgres")
        done = await oneshot.run(argv, timeout=10.0, env={"PGCONNECT_TIMEOUT": "5"})
        if not done.ok:
            raise ConnectionError(done.err.strip())
        return done.out.rstrip()
