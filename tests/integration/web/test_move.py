"""The local API at another address, while it is in use."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ground2cloud.web.client import ApiClient
from ground2cloud.web.server import ApiServer
from tests.lab.fake_agent import FakeAgent
from tests.lab.ports import free_ports
from tests.lab.waiting import eventually


async def test_after_a_move_the_new_address_answers_and_the_old_does_not(tmp_path: Path) -> None:
    first, second = free_ports(2)
    server = ApiServer(FakeAgent(), f"127.0.0.1:{first}", tmp_path)
    await server.start()
    try:
        before = (tmp_path / "control.json").read_text()
        await server.move(f"localhost:{second}")
        after = json.loads((tmp_path / "control.json").read_text())
        assert server.address == after["address"] == f"127.0.0.1:{second}"
        assert after["token"] == json.loads(before)["token"]
        with pytest.raises(ConnectionRefusedError):
            await _connect(first)
        # A whole answer: who is cut off in the very moment of a close may leave a socket to Python.
        assert (await asyncio.to_thread(ApiClient.from_run_dir(tmp_path).status)).version
    finally:
        await server.close()


async def test_a_move_after_the_first_caller_keeps_on_answering(tmp_path: Path) -> None:
    first, second = free_ports(2)
    server = ApiServer(FakeAgent(), f"127.0.0.1:{first}", tmp_path)
    await server.start()
    try:
        for port in (first, second):
            await server.move(f"127.0.0.1:{port}")
            client = ApiClient.from_run_dir(tmp_path)
            assert (await asyncio.to_thread(client.status)).version
        with pytest.raises(ConnectionRefusedError):
            await _connect(first)
    finally:
        await server.close()


async def test_many_first_callers_at_once_are_all_answered(tmp_path: Path) -> None:
    server = ApiServer(FakeAgent(), "127.0.0.1:0", tmp_path)
    await server.start()
    try:
        client = ApiClient.from_run_dir(tmp_path)
        loop = asyncio.get_running_loop()
        # Threads of their own: the server needs one of the loop's.
        with ThreadPoolExecutor(20) as callers:
            answers = await asyncio.gather(
                *(loop.run_in_executor(callers, client.status) for _ in range(20))
            )
        assert len({answer.pid for answer in answers}) == 1
    finally:
        await server.close()


async def test_a_close_while_the_first_caller_waits_leaves_nothing_open(tmp_path: Path) -> None:
    server = ApiServer(FakeAgent(), "127.0.0.1:0", tmp_path)
    await server.start()
    writer = await _connect(int(server.address.rsplit(":", 1)[1]))
    await asyncio.sleep(0)  # a socket that stays open would be a ResourceWarning, and so an error
    await server.close()
    writer.close()


async def test_a_move_to_where_it_is_changes_nothing(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    server = ApiServer(FakeAgent(), f"127.0.0.1:{port}", tmp_path)
    await server.start()
    try:
        before = (tmp_path / "control.json").stat()
        await server.move(f"127.0.0.1:{port}")
        await server.move(f"localhost:{port}")
        assert server.address == f"127.0.0.1:{port}"
        assert (tmp_path / "control.json").stat() == before
    finally:
        await server.close()


async def test_a_swept_file_is_written_again(tmp_path: Path) -> None:
    """The run directory may lie under /run/user or /tmp, which are swept while the agent runs."""
    server = ApiServer(FakeAgent(), "127.0.0.1:0", tmp_path / "run", keep_interval=0.05)
    await server.start()
    try:
        (tmp_path / "run" / "control.json").unlink()
        (tmp_path / "run").rmdir()
        await eventually((tmp_path / "run" / "control.json").exists, what="control.json is back")
        ApiClient.from_run_dir(tmp_path / "run")
    finally:
        await server.close()


async def _connect(port: int) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    return writer
