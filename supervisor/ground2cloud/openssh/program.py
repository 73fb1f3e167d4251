"""Which ssh there is, and what it can do.

Features follow the version (OpenSSH's release notes and sources); Windows' build has the same
numbers. Nothing is tried out: `ssh -V` needs no network and no files.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from ground2cloud.core import oneshot
from ground2cloud.core.spec import Outcome, Verdict
from ground2cloud.openssh import system

OLDEST = (7, 4)
"""Older ones were not looked at: 7.4 is of 2016, the ssh of CentOS 7."""

_TIMEOUT = 10.0  # seconds; `ssh -V` takes 5 ms, a first start on Windows a second
_VERSION = re.compile(r"OpenSSH_(?:for_Windows_)?(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class SshProgram:
    """The ssh to run.

    Args:
        path: absolute.
        version: (9, 2) of `OpenSSH_9.2p1`.
        text: what `ssh -V` printed, one line.
        control_socket: whether a running ssh takes orders on a Unix socket; not on Windows.
        bare_sources: whether what LogVerbose prints begins with the name of a source file alone.
    """

    path: str
    version: tuple[int, int]
    text: str
    control_socket: bool = system.CONTROL_SOCKET
    bare_sources: bool = system.BARE_SOURCES

    @property
    def cipher_prefix(self) -> bool:
        """Whether `Ciphers ^name` puts a cipher first and keeps the others (8.0)."""
        return self.version >= (8, 0)

    @property
    def known_hosts_tokens(self) -> bool:
        """Whether `%` means something in UserKnownHostsFile (8.4)."""
        return self.version >= (8, 4)

    @property
    def log_verbose(self) -> bool:
        """Whether single functions can be made to log (LogVerbose, 8.5)."""
        return self.version >= (8, 5)

    @property
    def escapes(self) -> bool:
        """Whether a quoted value can hold a quotation mark, behind a backslash (8.7)."""
        return self.version >= (8, 7)

    def sibling(self, name: str) -> str:
        """Return another program of the same OpenSSH, such as `ssh-keygen`."""
        beside = Path(self.path).with_name(name + Path(self.path).suffix)
        return str(beside) if beside.is_file() else name


def parse_version(text: str) -> tuple[int, int] | None:
    """Read the version out of a line that `ssh -V` printed; None if there is none in it."""
    match = _VERSION.match(text)
    return (int(match[1]), int(match[2])) if match else None


async def find_ssh(program: str) -> SshProgram | Verdict:
    """Find `program` (a name or a path) and ask it for its version.

    Returns:
        The program, or why it can't be used: always PERMANENT, `ssh-missing` or `ssh-unusable`.
    """
    path = system.locate(program)
    if path is None:
        message = f"there is no program {program!r} on this machine"
        return Verdict(Outcome.PERMANENT, "ssh-missing", message, system.INSTALL_HINT)
    answer = await oneshot.run((path, "-V"), timeout=_TIMEOUT)
    lines = (answer.err + answer.out).splitlines()  # OpenSSH prints it on stderr
    for line in lines:
        version = parse_version(line)
        if version is not None and version < OLDEST:
            return _unusable(f"{path} is older than OpenSSH {OLDEST[0]}.{OLDEST[1]}", line)
        if version is not None:
            return SshProgram(path, version, line.strip())
    return _unusable(f"{path} is not OpenSSH's ssh", lines[0] if lines else "")


def _unusable(message: str, words: str) -> Verdict:
    return Verdict(Outcome.PERMANENT, "ssh-unusable", message, system.INSTALL_HINT, words[:500])
