"""The configuration file is saved with another target: how long until that one answers?"""

import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.requests import until_answered
from tests.bench.rows import Row, interleave
from tests.lab.agent import Agent, service, write_config
from tests.lab.httpapp import HttpApp
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.sshd import ThrowawaySshd

ROUNDS = 9


def _save_in_place(config: Path, text: str) -> None:
    config.write_text(text)


def _save_by_rename(config: Path, text: str) -> None:
    new = config.with_suffix(".new")
    new.write_text(text)
    new.rename(config)


def measure() -> list[Row]:
    """Move the target to and fro, saving in the two ways of editors in turn."""
    port = free_port()
    with (
        ThrowawaySshd() as sshd,
        HttpApp("left") as left,
        HttpApp("right") as right,
        short_directory() as directory,
    ):
        texts = {
            app.name: write_config(directory, sshd, [service(app.port, port)]).read_text()
            for app in (right, left)
        }
        targets = itertools.cycle(("right", "left"))
        with Agent(directory / "agent.toml") as agent:
            agent.wait_ready()

            def change(save: Callable[[Path, str], None]) -> float:
                target = next(targets)
                began = time.perf_counter()
                save(agent.config, texts[target])
                return until_answered(port, f"hello from {target}".encode()) - began

            samples = interleave(
                ROUNDS,
                {
                    "in place": lambda: change(_save_in_place),
                    "by rename": lambda: change(_save_by_rename),
                },
            )
    slower = max(map(statistics.median, samples.values()))
    return [Row("save of the TOML → applied", "s", samples, slower, 0.8, figure="s")]
