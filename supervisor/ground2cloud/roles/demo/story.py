"""What the demo shows, scene by scene."""

import asyncio
import os
from pathlib import Path

import psutil

from ground2cloud.config.locations import run_directory
from ground2cloud.core.clock import monotonic
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.roles.demo import caller
from ground2cloud.roles.demo.application import Application
from ground2cloud.roles.demo.caller import Reply
from ground2cloud.roles.demo.database import QUESTION
from ground2cloud.roles.demo.error import DemoError
from ground2cloud.roles.demo.stage import Stage, shorten
from ground2cloud.web.client import ApiClient
from ground2cloud.web.gateway_client import GatewayClient
from ground2cloud.web.messages import Status

_QUICK = 0.005
"""Seconds between two looks where a time is measured."""

_NAME = "accounting, Bern"
_RUN, _GATEWAY = ("run",), ("gateway", "run")


async def play(stage: Stage) -> None:
    """Show all of it.

    Raises:
        DemoError: something did not happen.
        OSError: a file can't be written, or a port was taken by somebody else.
    """
    stage.write_configurations()
    await stage.application.open()
    await stage.moved.open()
    # Its data take a second or two, and there is nothing to see.
    opening = asyncio.create_task(_open_database(stage))
    try:
        await gateway(stage)
        join = await invite(stage)
        await register(stage, join)
        await opening
    finally:
        opening.cancel()
        await asyncio.wait({opening})
    await key(stage)
    await database(stage)
    await kill(stage)
    await edit(stage)
    await look(stage)
    await end(stage)


async def gateway(stage: Stage) -> None:
    """The public machine."""
    stage.tell.scene("The public machine runs the gateway: an sshd, a HAProxy and a backchannel.")
    began = monotonic()
    stage.start(stage.gateway_config, *_GATEWAY)

    async def up() -> bool:
        client = GatewayClient.from_run_dir(
            run_directory(stage.gateway_config, os.environ, gateway=True)
        )
        status = await asyncio.to_thread(client.gateway)
        return [child.state for child in status.children] == ["ready", "ready"]

    await stage.children.until(up, "the gateway is up")
    ports = stage.gateway
    where = f"sshd :{ports.ssh}, router :{ports.router}, backchannel :{ports.backchannel}"
    stage.tell.proof(f"up: {where}", f"after {_seconds(began)}")


async def invite(stage: Stage) -> str:
    """The one line that the operator hands out."""
    stage.tell.scene("Its operator makes one line, good for one agent and an hour.")
    join = await stage.command(stage.gateway_config, "gateway", "invite", "--name", _NAME)
    stage.tell.said(shorten(join))
    return join


async def register(stage: Stage, join: str) -> None:
    """The private machine joins."""
    stage.tell.scene("The private machine says what it offers, and joins by that line.")
    stage.tell.command("cat agent.toml")
    stage.tell.said(stage.agent_config.read_text("utf-8"))
    shown = f"register {shorten(join)}"
    said = await stage.command(stage.agent_config, "register", join, shown=shown)
    lines = [line for line in said.splitlines() if not line.startswith("start ")]
    stage.tell.said("\n".join(lines))
    began = monotonic()
    stage.start(stage.agent_config, *_RUN)

    async def up() -> Status | None:
        status = await _status(stage)
        return status if [lane.state for lane in status.lanes] == ["ready"] else None

    status = await stage.children.until(up, "the tunnel is up", interval=_QUICK)
    found = status.registration
    if found is None or found.id is None:
        raise DemoError("the agent is not registered")
    stage.registration = found.id
    stage.tell.proof("the tunnel is up", f"after {_seconds(began)}")


async def key(stage: Stage) -> None:
    """A caller without a key, and with one."""
    stage.tell.scene("A caller in the cloud: nothing without a key, the application with one.")
    refused = await caller.request(stage.gateway.router, _route(stage), None)
    _show_request(stage, with_key=False)
    if refused.error != "no-key":
        raise DemoError(f"a caller without a key was answered {_words(refused)}")
    stage.tell.said(_words(refused))
    grant = ("element", "add", "shop", "--grant", str(stage.registration))
    stage.key = await stage.command(stage.gateway_config, "gateway", *grant)
    stage.tell.said(shorten(stage.key))
    reply = await _answered(stage, stage.application)
    _show_request(stage, with_key=True)
    stage.tell.proof(_words(reply), f"in {_milliseconds(reply)}")


async def database(stage: Stage) -> None:
    """The same for a database, with a driver that knows nothing of all this."""
    where = stage.database
    if where is None:
        stage.tell.note("PostgreSQL is left out: its server is not on this machine.")
        return
    stage.tell.scene("PostgreSQL through the same tunnel, with its own client.")
    route = f"{stage.registration}/books-db"
    file = stage.directory / "key"
    write_atomic(file, stage.key)
    port = stage.ports.take()
    url = f"http://127.0.0.1:{stage.gateway.router}"
    words = ("connect", route, "--gateway", url, "--key-file", "key", "--listen")
    stage.start(stage.agent_config, *words, f"127.0.0.1:{port}", fold="--key-file")

    async def ask() -> str:
        return await where.ask(port)

    said = await stage.children.until(ask, "PostgreSQL answers", interval=0.1)
    stage.tell.command(f"psql -h 127.0.0.1 -p {port} -U postgres -c '{QUESTION}'")
    stage.tell.said(said)
    stage.tell.proof("PostgreSQL answers its client")


async def kill(stage: Stage) -> None:
    """The lane is killed and comes back."""
    stage.tell.scene("The ssh that carries all this is killed. Nobody does anything.")
    [lane] = (await _status(stage)).lanes
    if lane.pid is None:
        raise DemoError("there is no ssh to kill")
    log = await _log(stage)
    length = log.stat().st_size
    stage.tell.command(f"kill -9 {lane.pid}")
    began = monotonic()
    psutil.Process(lane.pid).kill()
    reply = await _answered(stage, stage.application)
    took = _seconds(began)
    stage.tell.proof(_words(reply), f"{took} after the kill")

    async def new() -> int | None:
        [lane] = (await _status(stage)).lanes
        return lane.pid if lane.state == "ready" else None

    pid = await stage.children.until(new, "another ssh is ready")
    if pid == lane.pid:
        raise DemoError(f"the ssh {pid} was killed and still is there")
    stage.tell.note(f"through another ssh ({pid}). The agent's log says:")
    stage.tell.said(log.read_bytes()[length:].decode("utf-8", "replace"))


async def edit(stage: Stage) -> None:
    """The application moves, and an edit is enough."""
    stage.tell.scene("The application moves to another port. An edit of agent.toml is enough.")
    old, new = stage.application, stage.moved
    text = stage.agent_config.read_text("utf-8")
    line = f"port = {old.port}\n"
    if text.count(line) != 1:
        raise DemoError(f"{line.strip()} is not in the configuration once")
    stage.tell.command(f"sed -i 's/port = {old.port}/port = {new.port}/' agent.toml")
    began = monotonic()
    write_atomic(stage.agent_config, text.replace(line, f"port = {new.port}\n"))
    reply = await _answered(stage, new)
    stage.tell.proof(_words(reply), f"{_seconds(began)} after the save")


async def look(stage: Stage) -> None:
    """How each side sees it."""
    stage.tell.scene("How is it? Seen from the private machine, and from the gateway.")
    stage.tell.said(await stage.command(stage.agent_config, "status"))
    stage.tell.said(await stage.command(stage.gateway_config, "gateway", "agents"))


async def end(stage: Stage) -> None:
    """The end of all of it."""
    stage.tell.scene("The end: the agent stops, then the gateway, each with all it has started.")
    below = await asyncio.to_thread(psutil.Process().children, recursive=True)
    began = monotonic()
    await stage.stop(*_RUN)
    await stage.stop(*_GATEWAY)
    took = _seconds(began)
    await stage.children.close()
    left = [process for process in below if _lives(process)]
    if left:
        raise DemoError(f"left behind: {left}")
    stage.tell.proof("stopped, no process is left", f"in {took}")


async def _open_database(stage: Stage) -> None:
    if stage.database is not None:
        await stage.database.open(stage.children)


def _route(stage: Stage) -> str:
    return f"{stage.registration}/{stage.application.name}" if stage.registration else ""


def _show_request(stage: Stage, *, with_key: bool) -> None:
    headers = [f"Ground2Cloud-Route: {_route(stage)}"]
    if with_key:
        headers.append(f"Ground2Cloud-Key: {shorten(stage.key)}")
    words = "".join(f" \\\n  -H '{header}'" for header in headers)
    stage.tell.command(f"curl http://127.0.0.1:{stage.gateway.router}/{words}")


async def _answered(stage: Stage, application: Application) -> Reply:
    """Ask until this application answers."""

    async def ask() -> Reply | None:
        reply = await caller.request(stage.gateway.router, _route(stage), stage.key)
        return reply if reply.body == application.greeting else None

    return await stage.children.until(ask, f"{application.greeting!r}", interval=_QUICK)


async def _status(stage: Stage) -> Status:
    client = ApiClient.from_run_dir(run_directory(stage.agent_config, os.environ))
    return await asyncio.to_thread(client.status)


async def _log(stage: Stage) -> Path:
    log = (await _status(stage)).log
    if log is None:
        raise DemoError("the agent has no log")
    return Path(log)


def _lives(process: psutil.Process) -> bool:
    """Whether it runs; where process 1 is careless, dead ones stay in the list."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _words(reply: Reply) -> str:
    return f"{reply.status} {reply.error or reply.body}"


def _seconds(began: float) -> str:
    return f"{monotonic() - began:.2f} s"


def _milliseconds(reply: Reply) -> str:
    return f"{reply.seconds * 1000:.0f} ms"
