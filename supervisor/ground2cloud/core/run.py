"""One run of a child: files, check, process, its three pipes, its end.

A run never raises for what the outside does; it answers the verdict on how it ended. It is also
where dead-but-alive is noticed: an unanswered heartbeat, or a process that somebody stopped.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable

import psutil

from ground2cloud.core import oneshot
from ground2cloud.core.clock import monotonic
from ground2cloud.core.heartbeat import Heartbeat
from ground2cloud.core.lines import Lines
from ground2cloud.core.spawn import Child, end_process, spawn, tell_process
from ground2cloud.core.spec import (
    ChildSpec,
    Observer,
    Outcome,
    Prepared,
    RefusedError,
    Verdict,
)

_log = logging.getLogger(__name__)

CHECK_TIMEOUT = 15.0
"""Seconds for the program's own check of its files; `ssh -G` takes 10 ms."""

LAST_WORDS = 1.0
"""Seconds to wait for the end of stderr after the exit: a descendant may hold the pipe open."""

MOST_UNANSWERED = 3
"""Questions in a row that a child may leave without an answer."""

HEARD_WITHIN = (1.0, 2.0, 4.0, 8.0)
"""Seconds to wait for a child's word that it heard its reload signal, before it is sent again."""

REQUESTED = Verdict(Outcome.REQUESTED, "stopped", "stopped as asked")


class Run:
    """From `live()` to its answer. `checked` says whether the files are known to be good."""

    def __init__(
        self,
        spec: ChildSpec,
        *,
        on_ready: Callable[[], None],
        on_dead: Callable[[Verdict], None],
        on_line: Callable[[str], None],
        on_process: Callable[[int], None],
        checked: bool = False,
    ) -> None:
        self.observer: Observer | None = None
        self.heartbeat = Heartbeat()
        self.started_at: float | None = None
        self.checked = checked
        self._spec = spec
        self._on_ready = on_ready
        self._on_dead = on_dead
        self._on_line = on_line
        self._on_process = on_process
        self._process: Child | None = None
        self._asked = asyncio.Event()
        self._doubt = asyncio.Event()
        self._proven = asyncio.Event()
        self._line = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return None if self._process is None else self._process.pid

    def end(self, *, hard: bool) -> None:
        """End the process, or the preparations for it."""
        self._asked.set()
        if self._process is not None and self._process.returncode is None:
            end_process(self._process, hard=hard)

    def probe(self) -> None:
        """Doubt the link: expect the next heartbeat within `probe_timeout`."""
        self._doubt.set()

    async def renew(self) -> Verdict | None:
        """Give the living process new files: prepare, check, put in place, signal.

        Answers None when it has them or needs none, else why not: then the process is as it was,
        and so are the files of a child that has an `install`.
        """
        try:
            prepared = await self._prepare(lives=True)
        except RefusedError as refusal:
            return refusal.verdict
        number = self._spec.reload_signal
        alive = self._process is not None and self._process.returncode is None
        if prepared.changed and number is not None and alive and not self._asked.is_set():
            assert self._process is not None
            return await self._tell(self._process, number)
        return None

    async def _tell(self, process: asyncio.subprocess.Process, number: int) -> Verdict | None:
        """Signal until the process says that it heard it.

        A program that reloads by running itself anew (sshd, HAProxy) hears nothing for a moment.
        """
        reloads = self._spec.reloads
        if reloads is None:
            tell_process(process, number)
            return None
        before = reloads()
        for patience in HEARD_WITHIN:
            tell_process(process, number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    while reloads() == before:
                        self._line.clear()
                        await self._line.wait()
                return None
        message = "it does not say that it reads its new files"
        return Verdict(Outcome.TRANSIENT, "reload-unheard", message)

    async def live(self) -> Verdict:
        """Run to the end; answer why it ended."""
        try:
            return await self._live()
        except Exception as defect:  # noqa: BLE001 - nobody would begin the next run
            _log.exception("defect: the run of %s ended", self._spec.name)
            await self._leave_nothing()
            message = f"a defect of this program ended it ({type(defect).__name__})"
            return Verdict(Outcome.TRANSIENT, "defect", message, "its log tells more")

    async def _live(self) -> Verdict:
        try:
            prepared = await self._prepare_unless_asked()
            if prepared is None:
                return REQUESTED
            # Only now: what the observer should expect may depend on what was prepared.
            self.observer = observer = self._spec.observe()
            self._process = await self._start(prepared)
        except RefusedError as refusal:
            return refusal.verdict
        self.started_at = monotonic()
        self._on_process(self._process.pid)
        if self._asked.is_set():
            end_process(self._process, hard=True)
        return observer.verdict(await self._attend(self._process, prepared.heartbeat))

    async def _leave_nothing(self) -> None:
        process = self._process
        if process is not None:
            if process.returncode is None:
                end_process(process, hard=True)
                await process.wait()
            process.close()

    async def _prepare_unless_asked(self) -> Prepared | None:
        """Prepare; None when the end is asked for meanwhile, which waits for nothing."""
        preparing = asyncio.create_task(self._prepare())
        asked = asyncio.create_task(self._asked.wait())
        try:
            await asyncio.wait({preparing, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (preparing, asked):
                task.cancel()
            await asyncio.gather(preparing, asked, return_exceptions=True)
        if self._asked.is_set():
            self.checked = False  # what it wrote may have been left unchecked
            return None
        return preparing.result()

    async def _prepare(self, *, lives: bool = False) -> Prepared:
        try:
            prepared = await self._spec.prepare()
        except OSError as error:
            raise _refusal("files-unwritable", "its files can't be written", error) from error
        # A process lives on what was installed, however bad the files are that were refused since.
        unproven = not self.checked and not (lives and prepared.install is not None)
        if prepared.check_argv is not None and (prepared.changed or unproven):
            await self._check(prepared.check_argv)
        if prepared.install is not None and prepared.changed:
            try:
                prepared.install()
            except OSError as error:
                raise _refusal("files-unwritable", "its files can't be written", error) from error
        return prepared

    async def _check(self, argv: tuple[str, ...]) -> None:
        answer = await oneshot.run(argv, timeout=CHECK_TIMEOUT)
        self.checked = answer.ok
        if answer.code is None:
            raise RefusedError(
                Verdict(Outcome.TRANSIENT, "check-failed", "its check can't be run", "", answer.err)
            )
        if not answer.ok:
            raise RefusedError(self._spec.refused(answer.err))

    async def _start(self, prepared: Prepared) -> Child:
        try:
            return await spawn(prepared.argv, env={**os.environ, **self._spec.env})
        except (FileNotFoundError, PermissionError) as error:
            message = f"{prepared.argv[0]} can't be started"
            raise _refusal("program-missing", message, error, Outcome.PERMANENT) from error
        except OSError as error:
            message = f"{prepared.argv[0]} can't be started now"
            raise _refusal("not-started", message, error) from error

    async def _attend(self, process: Child, heartbeat: float | None) -> int:
        assert process.stdout is not None
        assert process.stderr is not None
        words = asyncio.create_task(self._read_words(process.stderr))
        helpers = {
            asyncio.create_task(self._read_echo(process.stdout)),
            asyncio.create_task(self._beat(process, heartbeat)),
        }
        try:
            code = await process.wait()
            await asyncio.wait({words}, timeout=LAST_WORDS)
        finally:
            for task in (words, *helpers):
                task.cancel()
            await asyncio.gather(words, *helpers, return_exceptions=True)
            process.close()
        return code

    async def _read_words(self, stderr: asyncio.StreamReader) -> None:
        lines = Lines()
        while chunk := await stream_read(stderr):
            for line in lines.feed(chunk):
                self._hear(line)
        for line in lines.end():
            self._hear(line)

    def _hear(self, line: str) -> None:
        assert self.observer is not None
        try:
            ready = self.observer.line(line)
            self._line.set()
            self._on_line(line)
        except Exception:  # noqa: BLE001 - a defect in understanding must not end the tunnel
            # A reader that dies would leave the pipe undrained and stall the tunnel.
            _log.exception("defect: a line of %s could not be understood", self._spec.name)
            return
        if ready and not self._proven.is_set():
            self._proven.set()
            self._on_ready()

    async def _read_echo(self, stdout: asyncio.StreamReader) -> None:
        while chunk := await stream_read(stdout):
            self.heartbeat.heard(chunk, monotonic())

    async def _beat(self, process: Child, heartbeat: float | None) -> None:
        """Look after the process once it is ready, until cancelled.

        Whatever a look meets, there is a next one: unwatched, a dead link passes for a living one.
        """
        await self._proven.wait()
        while True:
            try:
                await self._look_after(process, heartbeat)
            except Exception:  # noqa: BLE001 - see above
                _log.exception("defect: the watch over %s ended", self._spec.name)
            await asyncio.sleep(self._spec.limits.probe_timeout)

    async def _look_after(self, process: Child, heartbeat: float | None) -> None:
        """Send beats, ask, and see that the process is not stopped, until cancelled."""
        limits = self._spec.limits
        interval = heartbeat or limits.dead_after / 3
        stopped_since: float | None = None
        unanswered = 0
        while True:
            doubted = self._doubt.is_set()
            self._doubt.clear()
            if heartbeat is not None:
                _send(process, self.heartbeat.beat(monotonic()))
            if doubted:
                await asyncio.sleep(limits.probe_timeout)
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(interval):
                        await self._doubt.wait()
            silence = self.heartbeat.silent_for(monotonic())
            if silence >= (limits.probe_timeout * 0.9 if doubted else limits.dead_after):
                self._on_dead(_dead(f"no answer to a heartbeat for {silence:.1f} s"))
            if self._spec.answers is not None:
                unanswered = 0 if await self._spec.answers() else unanswered + 1
                if unanswered >= MOST_UNANSWERED:
                    self._on_dead(_dead(f"it gave no answer {unanswered} times", "not-answering"))
            stopped_since = _stopped_since(process.pid, stopped_since)
            if stopped_since is not None and monotonic() - stopped_since >= limits.dead_after:
                self._on_dead(_dead("its process is stopped (SIGSTOP)"))


async def stream_read(stream: asyncio.StreamReader) -> bytes:
    """Read what is there; a broken pipe is an end like any other."""
    try:
        return await stream.read(65536)
    except OSError:
        return b""


def _send(process: Child, data: bytes) -> None:
    assert process.stdin is not None
    transport = process.stdin.transport
    # A child that doesn't read (a link that hangs) must not make us hoard beats.
    if not transport.is_closing() and transport.get_write_buffer_size() == 0:
        process.stdin.write(data)


def _refusal(
    reason: str, message: str, error: OSError, outcome: Outcome = Outcome.TRANSIENT
) -> RefusedError:
    words = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    return RefusedError(Verdict(outcome, reason, message, evidence=words))


def _dead(message: str, reason: str = "link-dead") -> Verdict:
    return Verdict(Outcome.TRANSIENT, reason, message)


def _stopped_since(pid: int, since: float | None) -> float | None:
    try:
        stopped = psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return None
    except OSError:
        return since  # can't be seen now, without a file descriptor
    return (since or monotonic()) if stopped else None
