"""A local API that fails at its first caller answers the next one."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ground2cloud.errors import Ground2CloudError
from ground2cloud.web import routes
from ground2cloud.web.client import ApiClient
from ground2cloud.web.server import LocalServer
from tests.lab.fake_agent import FakeAgent

if TYPE_CHECKING:
    from aiohttp import web


async def test_who_asks_after_a_defect_is_answered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    defects = [1]

    def make(token: str) -> "web.Application":
        if defects:
            defects.pop()
            raise RuntimeError("a defect")
        return routes.make_app(FakeAgent(), token)

    server = LocalServer(make, "127.0.0.1:0", tmp_path)
    await server.start()
    try:
        client = ApiClient.from_run_dir(tmp_path)
        with pytest.raises(Ground2CloudError):
            await asyncio.to_thread(client.status)
        assert (await asyncio.to_thread(client.status)).version
    finally:
        await server.close()
    assert [each.getMessage() for each in caplog.records if each.exc_info] != []
