"""The caller in the cloud: sends requests to the gateway's router."""

import asyncio
import http.client
from dataclasses import dataclass

from ground2cloud.core.clock import monotonic

_TIMEOUT = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: `error` is the router's slug, empty if the application answered."""

    status: int
    error: str
    body: str
    seconds: float


async def request(port: int, route: str, key: str | None) -> Reply:
    """Send `GET /` for a route (`1001/web`) to the router on this port.

    Raises:
        OSError: no connection, or no answer.
    """
    return await asyncio.to_thread(_request, port, route, key)


def _request(port: int, route: str, key: str | None) -> Reply:
    headers = {"Ground2Cloud-Route": route, **({"Ground2Cloud-Key": key} if key else {})}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    began = monotonic()
    try:
        connection.request("GET", "/", headers=headers)
        answer = connection.getresponse()
        body = answer.read().decode("utf-8", "replace").strip()
    except http.client.HTTPException as error:
        raise ConnectionError(repr(error)) from error
    finally:
        connection.close()
    slug = answer.headers.get("Ground2Cloud-Error", "")
    return Reply(answer.status, slug, body, monotonic() - began)
