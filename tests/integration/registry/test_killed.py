"""A process that is killed while it registers leaves each registration whole or absent."""

import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from ground2cloud.registry.errors import RefusedError
from ground2cloud.registry.records import Registration
from ground2cloud.registry.store import Registry
from ground2cloud.registry.tokens import digest
from tests.lab.registering import SERVICES, enter, make_invite, make_key

COUNT = 100


class Program(subprocess.Popen[str]):
    """A process that registers the names that it is given, with their tokens."""

    stdin: IO[str]
    stdout: IO[str]

    def give(self, todo: Iterable[tuple[str, str]]) -> None:
        self.stdin.write("".join(f"{token} {name}\n" for name, token in todo))
        self.stdin.close()


@contextmanager
def program(url: str) -> Iterator[Program]:
    """Run such a process, and have it ready to begin."""
    with Program(
        [sys.executable, "-m", "tests.lab.registering", url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()
            process.wait()


def read_answers(lines: list[str]) -> dict[str, str]:
    """Return what was answered for each name; the last line may have been cut by the kill."""
    whole = [line for line in lines if line.endswith("\n")]
    return dict(line.rstrip("\n").split(" ", 1) for line in whole)


def check_whole(registry: Registry, found: Registration, token: str) -> None:
    """Everything of a registration is there, and its invite is used."""
    assert found.key == make_key(found.name)
    assert [(service.name, service.kind) for service in found.services] == list(SERVICES)
    assert registry.by_token(digest(found.name)) == found
    with pytest.raises(RefusedError) as caught:
        enter(registry, token, "again")
    assert caught.value.reason == "token-used"


def test_each_registration_is_whole_or_absent_and_what_was_answered_is_there(
    registry: Registry, url: str
) -> None:
    tokens = {f"agent-{number}": make_invite(registry) for number in range(COUNT)}
    todo = dict(tokens)
    answered: dict[str, str] = {}
    chance = random.Random(4)
    while len(todo) > 1:
        count = min(chance.randint(12, 28), len(todo) - 1)
        with program(url) as process:
            process.give(list(todo.items())[: count + 3])
            lines = [process.stdout.readline() for _ in range(count)]
            time.sleep(chance.uniform(0, 0.02))  # somewhere in one of the last three
            process.kill()
            lines += process.stdout.readlines()
        answered |= read_answers(lines)
        found = {one.name: one for one in registry.registrations()}
        assert answered.items() <= {name: str(one.id) for name, one in found.items()}.items()
        for name in todo.keys() & found.keys():
            check_whole(registry, found[name], todo.pop(name))
        for name in todo:
            with pytest.raises(RefusedError, match="knows no such agent"):
                registry.by_token(digest(name))
    for name, token in todo.items():
        enter(registry, token, name)
    everyone = registry.registrations()
    assert sorted(one.name for one in everyone) == sorted(tokens)
    assert [one.id for one in everyone] == list(range(1001, 1001 + COUNT))
    ports = [service.port for one in everyone for service in one.services]
    assert sorted(ports) == list(range(11081, 11081 + 2 * COUNT))


def test_two_processes_share_one_registry(registry: Registry, url: str) -> None:
    """Both have the same tokens: each is used once, whoever is first, and none waits in vain."""
    tokens = {f"agent-{number}": make_invite(registry) for number in range(COUNT)}
    with program(url) as one, program(url) as two:
        one.give(tokens.items())
        two.give(reversed(tokens.items()))
        while len(registry.registrations()) < COUNT:  # reading goes on beside the writing
            assert registry.changes() <= 2 * COUNT
            time.sleep(0.05)
        answers = [read_answers(process.stdout.readlines()) for process in (one, two)]
        assert [one.wait(), two.wait()] == [0, 0]
    for name in tokens:
        said = sorted(answer[name] for answer in answers)
        assert said[1] == "refused token-used"
        assert said[0].isdigit()
    assert all(any(said.isdigit() for said in answer.values()) for answer in answers)
    everyone = registry.registrations()
    assert sorted(one.name for one in everyone) == sorted(tokens)
    assert [one.id for one in everyone] == list(range(1001, 1001 + COUNT))
    ports = [service.port for one in everyone for service in one.services]
    assert len(set(ports)) == 2 * COUNT
