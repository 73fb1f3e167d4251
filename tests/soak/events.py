"""What can happen to a tunnel. Each function does it and returns what it did, in words.

`GENTLE` events must leave the connections of the service `stable` alive; `ROUGH` ones need not.
"""

import contextlib
import signal
import time
from collections.abc import Callable

import psutil

from tests.lab.ports import free_port
from tests.lab.processes import for_each
from tests.lab.waiting import wait_until
from tests.soak.world import MOST_SERVICES, World

Event = Callable[[World], str]


def _ssh(world: World) -> list[psutil.Process]:
    found = []
    for pid in world.agent.ssh_pids():
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found


# What happens to processes --------------------------------------------------------------------


def kill_ssh(world: World) -> str:
    """Kill every ssh there is."""
    for_each(_ssh(world), psutil.Process.kill)
    return "ssh killed"


def terminate_ssh(world: World) -> str:
    """End every ssh politely, as an administrator might by mistake."""
    for_each(_ssh(world), psutil.Process.terminate)
    return "ssh ended with SIGTERM"


def freeze_ssh(world: World) -> str:
    """Let ssh hang for a while: it exists, but does nothing."""
    seconds = world.luck.uniform(0.5, 6)
    frozen = _ssh(world)
    for_each(frozen, psutil.Process.suspend)
    time.sleep(seconds)
    for_each(frozen, psutil.Process.resume)
    return f"ssh frozen for {seconds:.1f} s"


def kill_sessions(world: World) -> str:
    """Kill the server's end of the connection."""
    return f"{world.sshd.kill_sessions()} processes of the server's end killed"


def restart_server(world: World) -> str:
    """Restart the server, with its connections or without."""
    end_sessions = world.luck.random() < 0.5
    world.sshd.restart(end_sessions=end_sessions)
    return f"server restarted, connections {'ended' if end_sessions else 'kept'}"


def server_outage(world: World) -> str:
    """Take the server away for a while."""
    seconds = world.luck.uniform(0.5, 5)
    world.sshd.stop()
    time.sleep(seconds)
    world.sshd.start()
    return f"server away for {seconds:.1f} s"


def freeze_server(world: World) -> str:
    """Let the server hang, shorter or longer than it takes to notice."""
    seconds = world.luck.uniform(0.3, 6)
    world.sshd.freeze()
    time.sleep(seconds)
    world.sshd.thaw()
    return f"server frozen for {seconds:.1f} s"


def application_down(world: World) -> str:
    """Stop an application for a while; the tunnel has nothing to do with it."""
    application = world.luck.choice(world.applications[1:])
    seconds = world.luck.uniform(0.3, 3)
    world.down.add(application.name)
    application.stop()
    time.sleep(seconds)
    application.start()
    world.down.remove(application.name)
    return f"application {application.name} down for {seconds:.1f} s"


# What happens to the configuration ------------------------------------------------------------


def change_target(world: World) -> str:
    """Point a service to another application."""
    one = world.changing()
    others = [app.port for app in world.applications if app.port != one["port"]]
    one["port"] = world.luck.choice(others)
    return f"target of {one['name']} changed, saved {world.save()}"


def change_remote_port(world: World) -> str:
    """Give a service another port on the gateway."""
    one = world.changing()
    one["remote_port"] = free_port()
    return f"remote port of {one['name']} changed, saved {world.save()}"


def add_or_remove(world: World) -> str:
    """Configure a service more, or one less."""
    services = world.services
    if len(services) < MOST_SERVICES and (len(services) <= 2 or world.luck.random() < 0.5):
        world.add_service()
        return f"{services[-1]['name']} added, saved {world.save()}"
    gone = world.changing()
    services.remove(gone)
    return f"{gone['name']} removed, saved {world.save()}"


def change_log(world: World) -> str:
    """Change what the log says and how."""
    log = world.tables["log"]
    log["level"] = world.luck.choice(("debug", "info", "warning"))
    log["format"] = world.luck.choice(("text", "json"))
    return f"log {log['level']} as {log['format']}, saved {world.save()}"


def change_backoff(world: World) -> str:
    """Change how long is waited."""
    world.tables["backoff"]["initial"] = round(world.luck.uniform(0.05, 0.3), 3)
    return f"backoff changed, saved {world.save()}"


def change_ssh(world: World) -> str:
    """Change something that needs another ssh."""
    ssh = world.tables["ssh"]
    ssh["compression"] = not ssh.get("compression", False)
    return f"compression {ssh['compression']}, saved {world.save()}"


def broken_edit(world: World) -> str:
    """Save something that can't be used, see that it is reported, and mend it."""
    text = world.text()
    broken = world.luck.choice(
        (
            text.replace("[gateway]", "[gateway", 1),
            text.replace("remote_port = ", "remote_port = 7", 1),
            text + "\n[nonsense]\nkey = 1\n",
            text[: text.index("host")],
            "",
        )
    )
    way = world.save(broken)
    wait_until(lambda: world.agent.status().problems, what="problems in the status")
    world.save()
    wait_until(lambda: not world.agent.status().problems, what="no problems in the status")
    return f"broken edit, saved {way}, and mended"


def save_unchanged(world: World) -> str:
    """Save what is there already."""
    return f"saved unchanged {world.save()}"


def rotate_key(world: World) -> str:
    """Put another key in place, and let the old one in no more."""
    old, world.key = world.key, world.sshd.new_client_key(f"key-{time.monotonic_ns()}")
    world.install_key(world.key)
    time.sleep(1)
    world.sshd.revoke(old)
    for file in (old, old.with_suffix(".pub")):
        file.unlink()
    return "key rotated"


# What people do -------------------------------------------------------------------------------


def _command(world: World, *arguments: str) -> str:
    done = world.agent.cli(*arguments)
    assert done.returncode == 0, f"{arguments}: {done.returncode}: {done.stderr or done.stdout}"
    return f"ground2cloud {' '.join(arguments)}"


def hang_up(world: World) -> str:
    """Send SIGHUP."""
    psutil.Process(world.agent.pid).send_signal(signal.SIGHUP)
    return "SIGHUP"


def reload(world: World) -> str:
    """Ask for a reload."""
    return _command(world, "reload")


def restart(world: World) -> str:
    """Ask for a restart of the lanes."""
    return _command(world, "restart")


def pause_and_resume(world: World) -> str:
    """Withdraw a service for a while."""
    name = world.changing()["name"]
    world.paused.add(name)
    _command(world, "pause", name)
    time.sleep(world.luck.uniform(0.2, 1))
    world.paused.remove(name)
    _command(world, "resume", name)
    return f"{name} paused and resumed"


GENTLE: tuple[Event, ...] = (
    application_down,
    change_target,
    change_remote_port,
    add_or_remove,
    change_log,
    change_backoff,
    broken_edit,
    save_unchanged,
    hang_up,
    reload,
    pause_and_resume,
)

ROUGH: tuple[Event, ...] = (
    kill_ssh,
    terminate_ssh,
    freeze_ssh,
    kill_sessions,
    restart_server,
    server_outage,
    freeze_server,
    change_ssh,
    rotate_key,
    restart,
)
