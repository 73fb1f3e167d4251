"""What a thread of watchdog says when its end takes it by surprise is no error of ours."""

import logging
import sys
import threading
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="inotify is Linux's own")

if sys.platform != "win32":
    from watchdog.observers.api import EventQueue, ObservedWatch
    from watchdog.observers.inotify import InotifyEmitter

    import ground2cloud.reload.directories  # noqa: F401 - what it does about the logger is tested

    class Late(InotifyEmitter):
        """One that goes to fetch an event when it is let to, and not before."""

        def __init__(self, directory: Path) -> None:
            super().__init__(EventQueue(), ObservedWatch(str(directory), recursive=False))
            self.let = threading.Event()

        def run(self) -> None:
            """Fetch one event."""
            self.let.wait(10)
            self.queue_events(self.timeout)

        def go(self) -> None:
            """Let it, and wait for its end."""
            self.let.set()
            self.join(10)
            assert not self.is_alive()


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


def test_an_end_between_two_events_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    emitter = Late(tmp_path)
    emitter.start()
    emitter.stop()
    emitter.go()
    assert errors(caplog) == []


def test_the_same_without_an_end_is_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    emitter = Late(tmp_path)
    emitter.start()
    emitter.on_thread_stop()  # what it reads from is gone, and nobody told it to stop
    emitter.go()
    assert any("inactive" in words for words in errors(caplog))
