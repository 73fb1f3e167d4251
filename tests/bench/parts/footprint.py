"""What the program costs while nothing happens: memory, and processor time over a minute."""

import time

import psutil

from tests.bench.rows import Row
from tests.bench.web import web_server
from tests.lab.agent import Agent, service, write_config
from tests.lab.places import short_directory
from tests.lab.ports import free_ports
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import wait_until

SETTLE = 10.0
"""Seconds after READY that don't count: the start is not idle."""

SECONDS = 65.0
"""More than the minute in which every application is looked at once."""

MANY = 50


def _processor_time(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _memory(name: str, process: psutil.Process, bar: float | None = None) -> Row:
    memory = process.memory_full_info()
    rss, pss = memory.rss / 1e6, memory.pss / 1e6
    return Row(
        f"resident memory, {name}", "MB", {"ours": [rss], "PSS": [pss]}, rss, bar, figure="MB"
    )


def _rows(name: str, process: psutil.Process, percent: float, cpu_bar: float) -> list[Row]:
    return [
        Row(f"idle processor, {name}", "%", {"ours": [percent]}, percent, cpu_bar, figure="%"),
        _memory(name, process, 45.0 if name == "one lane" else None),
    ]


def measure() -> list[Row]:
    """Let two agents idle side by side: one service, and fifty."""
    with (
        ThrowawaySshd() as sshd,
        web_server() as web,
        short_directory() as one_place,
        short_directory() as many_place,
    ):
        one = [service(web, port) for port in free_ports(1)]
        many = [
            service(web, port, name=f"app-{number}") for number, port in enumerate(free_ports(MANY))
        ]
        with (
            Agent(write_config(one_place, sshd, one)) as one_agent,
            Agent(write_config(many_place, sshd, many)) as many_agent,
        ):
            # By the log, and not by the API: most agents are never asked anything.
            for agent in (one_agent, many_agent):
                wait_until(lambda a=agent: "lane 1 ready" in a.log_text(), what="a lane")
            time.sleep(SETTLE)
            processes = [psutil.Process(agent.pid) for agent in (one_agent, many_agent)]
            before = [_processor_time(process) for process in processes]
            began = time.perf_counter()
            time.sleep(SECONDS)
            took = time.perf_counter() - began
            percents = [
                (_processor_time(process) - start) / took * 100
                for process, start in zip(processes, before, strict=True)
            ]
            rows = [
                *_rows("one lane", processes[0], percents[0], 0.2),
                *_rows(f"{MANY} services", processes[1], percents[1], 0.5),
            ]
            one_agent.status()
            return [*rows, _memory("one lane, after a `status`", processes[0])]
