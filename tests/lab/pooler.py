"""What stands between a program and its PostgreSQL, and lets in also while the server hangs."""

import threading

from tests.lab.relay import Relay


class Pooler(Relay):
    """Passes logins on, and questions unless it `hangs`; use it as a context manager.

    Its end waits for nobody: who was left hanging may be so still.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, target: int) -> None:
        super().__init__(target, source="127.0.0.1")
        self.hangs = threading.Event()

    def passes(self, said: bytes) -> bool:
        """Tell a login, which begins with its length, below 2^24, from a question's letter."""
        return said[0] == 0 or not self.hangs.is_set()
