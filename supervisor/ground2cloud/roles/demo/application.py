"""The private application of the demo: answers every request with a greeting."""

from aiohttp import web


class Application:
    """Listens on a loopback port until it is closed."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.port = port
        application = web.Application()
        application.router.add_get("/{path:.*}", self._greet)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)

    async def open(self) -> None:
        """Listen.

        Raises:
            OSError: the port is not free.
        """
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def close(self) -> None:
        """Close the port and every connection."""
        await self._runner.cleanup()

    @property
    def greeting(self) -> str:
        """What it answers."""
        return f"hello from {self.name}"

    async def _greet(self, _request: web.Request) -> web.Response:
        return web.Response(text=f"{self.greeting}\n")
