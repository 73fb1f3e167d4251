"""A network that changes under the agent, in a network namespace of its own."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")

MOVE = """
import asyncio, subprocess
from ground2cloud.roles.ticking import Ticker
from ground2cloud.service.notify import Notifier

async def main():
    woken, ticked = asyncio.Event(), asyncio.Event()
    ticking = asyncio.create_task(Ticker(woken.set, ticked.set, Notifier({})).tick_for_ever())
    for change in (
        "ip link set lo up",
        "ip address add 192.0.2.1/24 dev lo",
        "ip address add 192.0.2.2/24 dev lo",
        "ip address del 192.0.2.2/24 dev lo",
        "ip link set lo down",
    ):
        ticked.clear()
        await ticked.wait()
        woken.clear()
        subprocess.run(change.split(), check=True)
        ticked.clear()
        await ticked.wait()
        await asyncio.sleep(0)
        print(change, "-", "woken" if woken.is_set() else "nothing", flush=True)

asyncio.run(main())
"""


def test_every_change_of_the_addresses_is_noticed_at_the_next_tick() -> None:
    """Loopback is always there, and says nothing."""
    alone = ["--net"] if os.geteuid() == 0 else ["--net", "--map-root-user"]
    done = subprocess.run(
        ["unshare", *alone, sys.executable, "-c", MOVE],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "ip link set lo up - nothing",
        "ip address add 192.0.2.1/24 dev lo - woken",
        "ip address add 192.0.2.2/24 dev lo - woken",
        "ip address del 192.0.2.2/24 dev lo - woken",
        "ip link set lo down - woken",
    ]
