"""Run a short command to its end: bounded in time and in what it may print.

For `ssh -G`, `ssh -O forward`, `sshd -t`, `icacls` and the like. Long-lived children belong to
`supervise`. The command never inherits stdin, stdout or stderr.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ground2cloud.core.spawn import Child, end_process, spawn

OUTPUT_LIMIT = 256 * 1024
"""Bytes kept of each stream; what comes after is read and dropped, so the command never stalls."""

LAST_WORDS = 3.0
"""Seconds to wait for the end of the output after the exit: a descendant may hold the pipes.

Long: what is missing of the words of a command that is done makes a failure of a success.
"""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended. `code` is None when it could not be started or had to be killed."""

    code: int | None
    out: str
    err: str

    @property
    def ok(self) -> bool:
        """Whether the command ended by itself with 0."""
        return self.code == 0


async def run(
    argv: Sequence[str],
    *,
    timeout: float,  # noqa: ASYNC109 - the caller names the bound, this function keeps it
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Run `argv` and wait for its end, at most `timeout` seconds.

    Never raises for what the command does: a missing program, a hang and a crash are answers.
    """
    try:
        process = await spawn(argv, env={**os.environ, **(env or {})})
    except OSError as error:
        return Finished(None, "", f"{argv[0]}: {error.strerror or error}")
    words = [bytearray(), bytearray()]
    try:
        async with asyncio.timeout(timeout):
            code = await _talk(process, stdin, words)
    except TimeoutError:
        return Finished(None, "", f"{argv[0]}: no end after {timeout:g} s")
    finally:
        if process.returncode is None:
            end_process(process, hard=True)
            await process.wait()
        process.close()
    return Finished(code, *map(_decode, words))


async def _talk(process: Child, stdin: bytes, words: Sequence[bytearray]) -> int:
    """Give it its input, take its words, wait for its end."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    readers = [
        asyncio.create_task(_drain(stream, kept))
        for stream, kept in zip((process.stdout, process.stderr), words, strict=True)
    ]
    try:
        if stdin:
            process.stdin.write(stdin)
        process.stdin.close()
        code = await process.wait()
        await asyncio.wait(readers, timeout=LAST_WORDS)
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    return code


async def _drain(stream: asyncio.StreamReader, kept: bytearray) -> None:
    while chunk := await stream.read(65536):
        kept += chunk[: OUTPUT_LIMIT - len(kept)]


def _decode(words: bytearray) -> str:
    # Some programs of Windows (NSSM) write UTF-16 into a pipe.
    encoding = "utf-16-le" if words[1:2] == b"\0" else "utf-8"
    return words.decode(encoding, "replace")
