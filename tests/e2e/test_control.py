"""Orders to a living ssh through its control socket, on a real lane."""

import asyncio
import dataclasses
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ground2cloud.openssh import control
from tests.e2e.lane_run import LaneRun, Setup, a_forward, running, to
from tests.lab.httpapp import HttpApp
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import http_get, wait_until


@pytest.fixture
async def lane(sshd: ThrowawaySshd) -> AsyncIterator[tuple[LaneRun, Path]]:
    """A ready lane with a control socket, in a place with a name that needs quoting."""
    with short_directory() as directory:
        place = directory / "r u%n"
        place.mkdir()
        path = control.control_path(place, "lane-1")
        assert path is not None
        setup = Setup(
            gateway=to(sshd), identity_file=sshd.identity_file, session=True, control_path=path
        )
        async with running(setup) as run:
            await run.ready()
            yield run, path


def is_open(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


async def test_a_forward_is_added_and_given_back(
    lane: tuple[LaneRun, Path], http_app: HttpApp
) -> None:
    run, path = lane
    wanted = a_forward(target=http_app.port)
    added = await control.forward(path, wanted)
    assert added, added
    assert http_get(wanted.port)
    assert await control.forward(path, wanted), "asked twice is granted twice"
    cancelled = await control.cancel(path, wanted)
    assert cancelled, cancelled
    wait_until(lambda: not is_open(wanted.port), what="the port closed")
    assert run.process.returncode is None


async def test_an_ipv6_target_is_spelled_the_same_both_times(lane: tuple[LaneRun, Path]) -> None:
    wanted = dataclasses.replace(a_forward(), host="::1")
    assert await control.forward(lane[1], wanted)
    assert is_open(wanted.port)
    assert await control.cancel(lane[1], wanted)
    wait_until(lambda: not is_open(wanted.port), what="the port closed")


async def test_what_was_never_forwarded_cannot_be_given_back(lane: tuple[LaneRun, Path]) -> None:
    answer = await control.cancel(lane[1], a_forward())
    assert not answer
    assert "not forwarded" in answer.words


async def test_a_taken_port_is_not_granted(lane: tuple[LaneRun, Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = a_forward(holder.getsockname()[1])
        answer = await control.forward(lane[1], taken)
    assert not answer
    assert str(taken.port) in answer.words
    assert lane[0].process.returncode is None, "the lane goes on with its other forwards"


async def test_after_a_failed_forward_the_port_leads_to_the_old_target(
    lane: tuple[LaneRun, Path], http_app: HttpApp
) -> None:
    """Why a connection has to be replaced then; an OpenSSH that mends this makes it fail."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert not await control.forward(lane[1], a_forward(port))
    assert await control.forward(lane[1], a_forward(port, http_app.port))
    with socket.create_connection(("127.0.0.1", port)) as client:
        assert client.recv(1) == b"", "the old target, where nothing listens"


async def test_an_order_to_nobody_fails() -> None:
    with short_directory() as directory:
        answer = await control.forward(directory / "lane.sock", a_forward())
    assert not answer
    assert answer.words


async def test_a_port_moves_to_another_target_and_is_never_seen_closed(
    lane: tuple[LaneRun, Path], http_app: HttpApp
) -> None:
    # Until the session's command runs, its process holds a copy of every listener.
    await lane[0].settled()
    with HttpApp("other") as other:
        here = a_forward(target=http_app.port)
        there = dataclasses.replace(here, target_port=other.port)
        assert await control.forward(lane[1], here)
        for old, new in [(here, there), (there, here)] * 5:
            moved = await control.move(lane[1], old, new)
            assert moved, moved
            for _ in range(3):
                assert is_open(here.port)
        assert http_get(here.port) == "hello from app\n"


async def test_a_move_to_a_taken_port_is_not_done(lane: tuple[LaneRun, Path]) -> None:
    old = a_forward()
    assert await control.forward(lane[1], old)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = a_forward(holder.getsockname()[1])
        answer = await control.move(lane[1], old, taken)
    assert not answer
    assert str(taken.port) in answer.words


async def test_a_stranger_behind_the_socket_is_no_reason_to_hang_or_fall() -> None:
    """Whatever it answers: nothing, nonsense, another version, more than it should."""
    for said in (b"", b"nonsense", b"\0\0\0\x08\0\0\0\x01\0\0\0\x09", b"\xff" * 100):
        with short_directory() as directory:

            async def answer(
                _: asyncio.StreamReader, writer: asyncio.StreamWriter, words: bytes = said
            ) -> None:
                writer.write(words)
                writer.close()
                await writer.wait_closed()

            path = directory / "lane.sock"
            async with await asyncio.start_unix_server(answer, path):
                got = await control.forward(path, a_forward())
            assert not got
            assert got.words


def test_a_socket_needs_a_short_name() -> None:
    short = Path("/run/ground2cloud")
    assert control.control_path(short, "lane-1") == short / "lane-1.sock"
    longest = Path("/") / ("x" * (control.LONGEST_PATH - len("//lane-1.sock")))
    assert control.control_path(longest, "lane-1") is not None
    assert control.control_path(Path(f"{longest}x"), "lane-1") is None
    assert control.control_path(Path("/" + "ä" * 42), "lane-1") is None, "bytes count"


async def test_a_socket_with_the_longest_name_works(
    sshd: ThrowawaySshd,
) -> None:
    with short_directory() as directory:
        room = control.LONGEST_PATH - len(f"{directory}//lane-1.sock")
        place = directory / ("x" * room)
        place.mkdir()
        path = control.control_path(place, "lane-1")
        assert path is not None
        setup = Setup(gateway=to(sshd), identity_file=sshd.identity_file, control_path=path)
        async with running(setup) as run:
            await run.ready()
            assert await control.forward(path, a_forward()), run.lines


async def test_the_socket_of_a_killed_ssh_is_cleared_away(
    sshd: ThrowawaySshd,
) -> None:
    """With it there, the next ssh runs without one."""
    with short_directory() as directory:
        path = directory / "lane.sock"
        setup = Setup(gateway=to(sshd), identity_file=sshd.identity_file, control_path=path)
        async with running(setup) as run:
            await run.ready()
        assert path.is_socket(), "killed: it is still there"
        control.remove_stale(path)
        control.remove_stale(path)
        # Not the port of before: the killed one's sshd may still have it.
        async with running(dataclasses.replace(setup, forwards=(a_forward(),))) as run:
            await run.ready()
            assert await control.forward(path, a_forward())


def test_nothing_else_than_a_socket_is_cleared_away(tmp_path: Path) -> None:
    precious = tmp_path / "lane.sock"
    precious.write_text("precious")
    with pytest.raises(FileExistsError, match="not a socket"):
        control.remove_stale(precious)
    assert precious.read_text() == "precious"


async def test_a_forward_of_a_closed_port_is_a_forward(lane: tuple[LaneRun, Path]) -> None:
    """Whether an application answers is not the gateway's concern."""
    wanted = a_forward()
    assert await control.forward(lane[1], wanted)
    with socket.create_connection(("127.0.0.1", wanted.port)) as client:
        assert client.recv(1) == b""
