"""Short commands: their answer, and the bounds that hold whatever they do."""

import asyncio
import contextlib
import sys

import psutil

from ground2cloud.core import oneshot
from tests.integration.core.fakes import LEAVES_ONE
from tests.lab.waiting import eventually


async def run(code: str, timeout: float = 20.0, stdin: bytes = b"") -> oneshot.Finished:
    return await oneshot.run((sys.executable, "-c", code), timeout=timeout, stdin=stdin)


async def test_words_and_exit_code_are_the_answer() -> None:
    code = "import sys; print(sys.stdin.read()); sys.exit('no')"
    ended = await run(code, stdin=b"yes")
    assert (ended.code, ended.out.split(), ended.err.split()) == (1, ["yes"], ["no"])
    assert not ended.ok


async def test_a_program_that_is_not_there_is_an_answer() -> None:
    ended = await oneshot.run(("/nonexistent/program",), timeout=5)
    assert ended.code is None
    assert "/nonexistent/program: " in ended.err


async def test_output_without_end_is_cut_and_stalls_nothing() -> None:
    ended = await run("import sys; sys.stdout.write('x' * 3_000_000)")
    assert (ended.code, len(ended.out)) == (0, oneshot.OUTPUT_LIMIT)


async def test_what_a_command_leaves_behind_does_not_keep_it_from_ending() -> None:
    """Nobody knows when the other one ends; the command is over, and its words are there."""
    ended = await run(LEAVES_ONE + "sys.exit('ended')")
    left = psutil.Process(int(ended.out))
    try:
        assert (ended.code, ended.err.split()) == (1, ["ended"])
        assert left.is_running()
    finally:
        left.kill()


async def test_a_hang_ends_at_its_time() -> None:
    ended = await run("import time; time.sleep(60)", timeout=0.5)
    assert (ended.code, ended.out) == (None, "")
    assert ended.err.endswith("no end after 0.5 s")


async def test_a_hang_that_has_left_another_behind_ends_at_its_time() -> None:
    others = set(psutil.Process().children())  # a database that tests of this worker share
    hung = asyncio.create_task(run(LEAVES_ONE + "import time; time.sleep(60)", timeout=2.0))
    children: list[psutil.Process] = []

    def both() -> bool:
        ours = set(psutil.Process().children()) - others
        children[:] = [*ours, *(below for each in ours for below in each.children())]
        return len(children) == 2

    await eventually(both, what="both processes")
    try:
        async with asyncio.timeout(20):
            assert (await hung).code is None
    finally:
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
