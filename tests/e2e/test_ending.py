"""Ending processes when descriptors are few: nothing that lives is called ended."""

import subprocess
import sys

PROGRAM = """
import os, resource, signal, sys, time
from ground2cloud.openssh.sshd.ending import end_processes
from ground2cloud.openssh.sshd.process import identify, is_same

def start(count):
    pids = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            while True:
                signal.pause()
        pids.append(pid)
    return [identify(pid) for pid in pids]

def take_all():
    taken = []
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return taken

def end(which):
    left = end_processes(which, grace=3.0, limit=9.0)
    return len(left)

children = start(130)
try:
    assert all(map(is_same, children))
    resource.setrlimit(resource.RLIMIT_NOFILE, (120, 120))
    taken = take_all()
    said = end(children[:3])
    for each in taken:
        os.close(each)
    print("without:", said, sum(map(is_same, children[:3])))
    said = end(children)
    print("few:", said, sum(map(is_same, children)))
finally:
    for each in children:
        os.kill(each.pid, signal.SIGKILL)
"""


def test_what_could_not_be_looked_at_is_left_and_many_take_few_descriptors() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.stdout.splitlines() == ["without: 3 3", "few: 0 0"], done.stderr
