"""`make demo`: the whole way of a request, and what happens when something breaks.

Everything is real and on this machine only: an sshd with fresh keys in place of the public one, two
small HTTP applications, and the program itself. Ends with 1 when anything shown did not happen.
"""

import signal
import sys
import time
from pathlib import Path

import psutil

from tests.lab.agent import Agent
from tests.lab.httpapp import HttpApp
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.processes import is_alive
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import http_get, wait_until

INTERVAL = 0.005

CONFIG = """\
[gateway]
host = "{sshd.host}"
ssh_port = {sshd.port}
user = "{sshd.user}"
host_key = "{sshd.host_key}"
identity_file = "{sshd.identity_file}"

[[service]]
name = "quickbooks"
kind = "http"
host = "127.0.0.1"
port = {app.port}
remote_port = {port}

# So that the demo leaves nothing behind; there are defaults.
[paths]
state = "state"
run = "run"

[log]
file = "agent.log"

[api]
listen = "127.0.0.1:0"
"""


def say(text: str = "") -> None:
    """Print a line of the story at once."""
    print(text, flush=True)


def show(text: str) -> None:
    """Print what a program said, set off from the story."""
    for line in text.rstrip().splitlines():
        say(f"    {line}")


def answer(port: int, expected: str) -> str:
    """Ask until the expected application answers; return what it said."""

    def look() -> str:
        body = http_get(port, timeout=2).strip()
        return body if body.startswith(expected) else ""

    return wait_until(look, what=f"'{expected}' on port {port}", interval=INTERVAL)


def request(port: int) -> None:
    """Show a request through the tunnel."""
    say(f"  $ curl http://127.0.0.1:{port}/")
    show(answer(port, "hello from quickbooks"))


def kill(agent: Agent, port: int) -> None:
    """Kill the ssh of the lane and show the tunnel come back."""
    [old] = agent.ssh_pids()
    say(f"  $ kill -9 {old}")
    began = time.monotonic()
    psutil.Process(old).kill()
    said = answer(port, "hello from quickbooks")
    took = time.monotonic() - began
    status = agent.wait_ready()
    new = status.lanes[0].pid
    assert new != old, "the killed ssh answered"
    show(f"{said}    <- {took:.2f} s after the kill, through a new ssh ({new})")


def edit(agent: Agent, port: int, old: HttpApp, new: HttpApp) -> None:
    """Change the target in the configuration and show that the program follows."""
    text = agent.config.read_text()
    line = f"port = {old.port}\n"
    assert line in text, text
    say(f"  $ sed -i 's/^port = {old.port}$/port = {new.port}/' agent.toml")
    began = time.monotonic()
    agent.config.write_text(text.replace(line, f"port = {new.port}\n"))
    said = answer(port, f"hello from {new.name}")
    show(f"{said}    <- {time.monotonic() - began:.2f} s after the save")


def status(agent: Agent) -> None:
    """Show what `ground2cloud status` says."""
    say("  $ ground2cloud status")
    done = agent.cli("status")
    assert done.returncode == 0, done.stderr
    show(done.stdout)


def stop(agent: Agent) -> None:
    """Stop the program and show that no ssh is left."""
    ssh = [psutil.Process(pid) for pid in agent.ssh_pids()]
    began = time.monotonic()
    agent.stop()
    left = [process for process in ssh if is_alive(process)]
    assert not left, f"still there: {left}"
    show(f"stopped in {time.monotonic() - began:.2f} s, no ssh left")


def story(sshd: ThrowawaySshd, first: HttpApp, second: HttpApp, directory: Path) -> None:
    """Tell it all, in order."""
    port = free_port()
    config = directory / "agent.toml"
    config.write_text(CONFIG.format(sshd=sshd, app=first, port=port))
    say("Ground2Cloud makes a private application reachable on a public machine.")
    say()
    say(f"  the public machine       sshd on 127.0.0.1:{sshd.port}, made for this demo")
    say(f"  the private application  http://127.0.0.1:{first.port}")
    say(f"  where it shall be        http://127.0.0.1:{port} on the public machine")
    say()
    say("1. The configuration is one file, agent.toml:")
    show(config.read_text())
    say()
    say("2. The program starts: it runs the system's ssh and proves that the tunnel works.")
    say("  $ ground2cloud run --config agent.toml")
    with Agent(config) as agent:
        try:
            scenes(agent, port, first, second)
        except AssertionError as error:
            error.add_note(f"What the program said:\n{agent.stderr_text()}")
            raise


def scenes(agent: Agent, port: int, first: HttpApp, second: HttpApp) -> None:
    """Tell what happens once the program was started."""
    began = time.monotonic()
    answer(port, "hello from quickbooks")
    show(f"usable after {time.monotonic() - began:.2f} s")
    agent.wait_ready()
    say()
    say("3. A request to the public machine reaches the private application:")
    request(port)
    say()
    say("4. The ssh is killed. The program starts another:")
    kill(agent, port)
    say()
    say("5. The application moves: edit the file, nothing else.")
    edit(agent, port, first, second)
    say()
    say("6. How is it?")
    status(agent)
    say()
    say("7. What it wrote to its log:")
    show(agent.log_text())
    say()
    say("8. The program is stopped:")
    stop(agent)


def main() -> int:
    """Run the demo and say whether it all happened."""
    # Ended from outside, everything that was started still gets cleaned up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        with (
            ThrowawaySshd() as sshd,
            HttpApp("quickbooks") as first,
            HttpApp("quickbooks on its new port") as second,
            short_directory() as directory,
        ):
            story(sshd, first, second, directory)
    except AssertionError as error:
        print("\nThe demo failed:", error, *getattr(error, "__notes__", ()), sep="\n")
        return 1
    except KeyboardInterrupt:
        return 130
    say()
    say("All of it happened. Everything that was started is gone again.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
