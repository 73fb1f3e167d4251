"""A real MariaDB for one test: Debian's, in a directory of its own, on a free loopback port."""

from tests.lab.database import ThrowawayServer, find_program, run_client


class MariaDb(ThrowawayServer):
    """A MariaDB whose root has no password.

    Args:
        options: further options of the server: `--max-connect-errors=3`.
    """

    system_user = "mysql"

    def __init__(self, *options: str) -> None:
        super().__init__()
        self._options = options

    def prepare(self) -> None:
        self.run_as_user(
            find_program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={self.directory}/data",
            # A server that starts clears the temporary tables away, also those of another one.
            f"--tmpdir={self.directory}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        )

    def argv(self) -> list[str]:
        return [
            find_program("mariadbd"),
            "--no-defaults",
            f"--datadir={self.directory}/data",
            f"--tmpdir={self.directory}",
            f"--socket={self.directory}/socket",
            f"--pid-file={self.directory}/pid",
            f"--bind-address={self.host}",
            f"--port={self.port}",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=16M",
            "--log-warnings=9",
            *self._options,
        ]

    def query(self, sql: str, *, port: int | None = None, timeout: float = 30.0) -> str:
        client = [find_program("mariadb"), "--no-defaults", "--batch", "--skip-column-names"]
        where = ["--protocol=tcp", "--host=127.0.0.1", f"--port={port or self.port}"]
        return run_client(
            [*client, *where, "--user=root", "--connect-timeout=5", f"--execute={sql}"], timeout
        )
