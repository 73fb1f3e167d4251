"""The demo from its beginning to its end, which is the same however it ends: nothing is left."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ground2cloud.roles import signals
from ground2cloud.roles.demo.account import drop
from ground2cloud.roles.demo.application import Application
from ground2cloud.roles.demo.children import Children
from ground2cloud.roles.demo.database import Database
from ground2cloud.roles.demo.needs import find_database, require_programs
from ground2cloud.roles.demo.ports import Ports
from ground2cloud.roles.demo.stage import Stage, lend_gateway_ports
from ground2cloud.roles.demo.story import play
from ground2cloud.roles.demo.telling import Teller
from ground2cloud.roles.gateway import system

_FOREIGN = ("NOTIFY_SOCKET", "STATE_DIRECTORY", "LOGS_DIRECTORY", "RUNTIME_DIRECTORY")
"""Variables that say where things of a service are, which started us perhaps; and `XDG_*`."""


def run(tell: Teller) -> bool:
    """Play the demo; answer whether it came to its end (else somebody ended it).

    Raises:
        DemoError: something that was to be shown did not happen, or something is missing.
        OSError: no temporary directory, or it is full.
    """
    why = drop()
    with _home() as directory:
        return asyncio.run(_run(tell, directory, why))


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    """Make the directory that is the home of everything that is started."""
    short = Path("/tmp")  # noqa: S108 - mkdtemp makes the name; names of sockets in it must be short
    where = short if os.access(short, os.W_OK) else None
    directory = Path(tempfile.mkdtemp(prefix="g2c-demo-", dir=where)).resolve()
    try:
        if system.number() == 0:
            directory.chmod(0o711)  # PostgreSQL runs as somebody else, and its data are in it
        for name in [name for name in os.environ if name in _FOREIGN or name.startswith("XDG_")]:
            del os.environ[name]
        os.environ["HOME"] = str(directory)
        os.chdir(directory)
        yield directory
    finally:
        os.chdir("/")
        shutil.rmtree(directory)


async def _run(tell: Teller, directory: Path, why_root: str) -> bool:
    ended = asyncio.Event()
    signals.listen(ended.set, ended.set)
    playing = asyncio.create_task(_play(tell, directory, why_root))
    waiting = asyncio.create_task(ended.wait())
    await asyncio.wait({playing, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if playing.done():
        playing.result()
        return True
    playing.cancel()
    await asyncio.wait({playing})
    return False


async def _play(tell: Teller, directory: Path, why_root: str) -> None:
    await require_programs()
    async with contextlib.AsyncExitStack() as stack:
        ports = stack.enter_context(Ports())
        application = Application("quickbooks", ports.take())
        moved = Application("quickbooks, on its other port", ports.take())
        children = Children()
        for close in (application.close, moved.close, children.close):
            stack.push_async_callback(close)
        programs = find_database()
        database = Database(programs, directory / "books", ports.take()) if programs else None
        gateway = lend_gateway_ports(ports)
        root = system.number() == 0
        stage = Stage(directory, ports, children, tell, root, application, moved, database, gateway)
        _introduce(stage, why_root)
        await play(stage)


def _introduce(stage: Stage, why_root: str) -> None:
    tell, ports = stage.tell, stage.gateway
    tell.title("A private application becomes reachable on a public machine.")
    columns = (
        ("in the cloud", "a caller  -->"),
        ("the public machine", f"router :{ports.router}  -->  sshd :{ports.ssh}  <==="),
        ("the private machine", f"ssh  -->  {stage.application.name} :{stage.application.port}"),
    )
    for row in zip(*columns, strict=True):
        widths = (max(map(len, column)) for column in columns)
        tell.note("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)))
    tell.note("")
    tell.note(f"All of it is real and on this machine only. It runs as {system.current()}.")
    if why_root:
        tell.note(f"(Not as an account without rights: {why_root}.)")
    tell.note("Commands are shown without their --config; keys and join strings are cut short.")
