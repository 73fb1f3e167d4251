"""`ground2cloud connect`, as those run it whose drivers speak no CONNECT."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab.gateway import PROGRAM, GatewayLab
from tests.lab.ports import free_port
from tests.lab.processes import end_child


@dataclass(frozen=True, slots=True)
class Way:
    """A local port that leads to an application.

    Attributes:
        port: on 127.0.0.1.
        stderr: what the command says of its connections.
    """

    port: int
    stderr: Path

    def words(self) -> str:
        """What it has said of connections that it could not lead, a line for each."""
        return self.stderr.read_text("utf-8")


@contextlib.contextmanager
def led(gateway: GatewayLab, route: str, key: str, *, named: bool = True) -> Iterator[Way]:
    """Run the command until the end of the block; the key is in a file.

    With `named` False gateway and key are in the environment, and the command names neither.
    """
    file = gateway.directory / f"key.{free_port()}"
    file.write_text(key + "\n")
    stderr = file.with_suffix(".stderr")
    url = f"http://127.0.0.1:{gateway.http_port}"
    words = ["--gateway", url, "--key-file", str(file)]
    environment = {"GROUND2CLOUD_GATEWAY": url, "GROUND2CLOUD_KEY": key}
    with stderr.open("wb") as output:
        process = subprocess.Popen(
            [*PROGRAM, "connect", route, *(words if named else ())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            env=os.environ | ({} if named else environment),
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline().decode()
        assert line.endswith(f" leads to {route}\n"), stderr.read_text()
        yield Way(int(line.split()[0].rpartition(":")[2]), stderr)
    finally:
        end_child(process)
        process.stdout.close()
