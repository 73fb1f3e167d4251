"""A real PostgreSQL for one test: Debian's, in a directory of its own, on a free loopback port."""

import os
import signal
import subprocess

from tests.lab.database import ThrowawayServer, find_program, run_client

DEBIAN = "usr/lib/postgresql/*/bin"
"""Where Debian keeps the server's programs, by version; not in PATH."""


class Postgres(ThrowawayServer):
    """A PostgreSQL that trusts everyone on loopback; user and database are `postgres`.

    Args:
        settings: further settings by their own names: `log_connections="on"`.
    """

    system_user = "postgres"
    stop_signal = signal.SIGINT  # SIGTERM would wait until the clients have gone

    def __init__(self, **settings: str) -> None:
        super().__init__()
        self._settings = {
            "listen_addresses": self.host,
            "port": str(self.port),
            "unix_socket_directories": str(self.directory),
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "shared_buffers": "16MB",
            "log_checkpoints": "off",  # they come by the clock, into a log that tests compare
            **settings,
        }

    def prepare(self) -> None:
        initdb = find_program("initdb", DEBIAN)
        options = ("--no-sync", "--auth=trust", "--username=postgres", "--locale=C", "-EUTF8")
        self.run_as_user(initdb, *options, f"--pgdata={self.directory}/data")

    def argv(self) -> list[str]:
        settings = [
            word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")
        ]
        return [find_program("postgres", DEBIAN), "-D", f"{self.directory}/data", *settings]

    def query(self, sql: str, *, port: int | None = None, timeout: float = 30.0) -> str:
        psql = [find_program("psql", DEBIAN), "-X", "-A", "-t", "-q", "-F", "\t"]
        where = ["-h", "127.0.0.1", "-p", str(port or self.port), "-U", "postgres"]
        return run_client(
            [*psql, *where, "-v", "ON_ERROR_STOP=1", "-c", sql, "postgres"],
            timeout,
            PGCONNECT_TIMEOUT="5",
        )

    def bench(self, *options: str, port: int | None = None) -> "subprocess.Popen[str]":
        """Start pgbench against this server, or a port that leads to it."""
        where = ["-h", "127.0.0.1", "-p", str(port or self.port), "-U", "postgres"]
        return subprocess.Popen(
            [find_program("pgbench", DEBIAN), *where, *options, "postgres"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        )
