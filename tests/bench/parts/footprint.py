"""What the program costs while nothing happens: memory, and processor time over a minute."""

import time

import psutil

from tests.bench.rows import Row
from tests.bench.web import web_server
from tests.lab.agent import Agent, service, write_config
from tests.lab.places import short_directory
from tests.lab.ports import free_ports
from tests.lab.sshd import ThrowawaySshd

SETTLE = 10.0
"""Seconds after READY that don't count: the start is not idle."""

SECONDS = 65.0
"""More than the minute in which every application is looked at once."""

MANY = 50


def _processor_time(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _rows(name: str, process: psutil.Process, percent: float, cpu_bar: float) -> list[Row]:
    memory = process.memory_full_info()
    rss, pss = memory.rss / 1e6, memory.pss / 1e6
    bar = 45.0 if name == "one lane" else None
    return [
        Row(f"idle processor, {name}", "%", {"ours": [percent]}, percent, cpu_bar, figure="%"),
        Row(f"resident memory, {name}", "MB", {"ours": [rss], "PSS": [pss]}, rss, bar, figure="MB"),
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
            one_agent.wait_ready()
            many_agent.wait_ready(timeout=30)
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
            return [
                *_rows("one lane", processes[0], percents[0], 0.2),
                *_rows(f"{MANY} services", processes[1], percents[1], 0.5),
            ]
