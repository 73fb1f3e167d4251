"""Which sshd there is, what it can do, and what runs beside it."""

import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from ground2cloud.core import oneshot
from ground2cloud.core.spec import Outcome, Verdict
from ground2cloud.openssh.program import parse_version

OLDEST = (8, 5)
"""LogVerbose, by which a session is told to be of a key, and PubkeyAcceptedAlgorithms."""

INSTALL_HINT = (
    "install OpenSSH's server: apt install openssh-server (Debian, Ubuntu),"
    " dnf install openssh-server (Fedora, RHEL), apk add openssh-server (Alpine)."
    " Its own service need not run"
)

_TIMEOUT = 10.0  # seconds; both programs answer in milliseconds
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/bin", "/bin")  # seldom all in PATH


@dataclass(frozen=True, slots=True)
class SshdProgram:
    """The sshd to run.

    Args:
        path: absolute, as sshd demands: it runs itself again for every connection.
        version: (9, 2) of `OpenSSH_9.2p1`.
        text: what it printed of itself, one line.
        keygen: absolute path of the `ssh-keygen` on this machine.
    """

    path: str
    version: tuple[int, int]
    text: str
    keygen: str

    @property
    def penalties(self) -> bool:
        """Whether it turns addresses away that failed to log in (PerSourcePenalties, 9.8)."""
        return self.version >= (9, 8)


async def find_sshd(program: str = "sshd", keygen: str = "ssh-keygen") -> SshdProgram | Verdict:
    """Find the two programs, by name or path, and ask sshd for its version.

    Returns:
        The program, or why it can't be used: always PERMANENT, `sshd-missing` or `sshd-unusable`.
    """
    path, keys = _locate(program), _locate(keygen)
    for name, found in ((program, path), (keygen, keys)):
        if found is None:
            message = f"there is no program {name!r} on this machine"
            return Verdict(Outcome.PERMANENT, "sshd-missing", message, INSTALL_HINT)
    assert path is not None
    assert keys is not None
    # Before 9.2 sshd knows no -V, and names its version when it says so.
    answer = await oneshot.run((path, "-V"), timeout=_TIMEOUT)
    lines = (answer.err + answer.out).splitlines()
    for line in lines:
        version = parse_version(line)
        if version is not None and version < OLDEST:
            return _unusable(f"{path} is older than OpenSSH {OLDEST[0]}.{OLDEST[1]}", line)
        if version is not None:
            return SshdProgram(path, version, line.strip(), keys)
    return _unusable(f"{path} is not OpenSSH's sshd", lines[0] if lines else "")


def find_grep() -> str | None:
    """Return the `grep` that sshd is willing to run; None where there is none.

    sshd runs an AuthorizedKeysCommand only if it is root's, and no one else may change it or a
    directory above it.
    """
    for place in ("/usr/bin", "/bin"):
        path = Path(place, "grep")
        if path.is_file() and unsafe_part(path, owners=(0,)) is None:
            return str(path)
    return None


def unsafe_part(path: Path, owners: tuple[int, ...]) -> Path | None:
    """Return the part of a path that sshd does not trust; None if it trusts all of it.

    Its rule (misc.c, safe_path): the file and every directory above it belong to one of `owners`
    and no one else may write to them. With the account and root as owners this is StrictModes.

    Raises:
        OSError: a part can't be looked at.
    """
    real = path.resolve(strict=True)
    for part in (real, *real.parents):
        found = part.stat()
        if found.st_uid not in owners or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return part
    return None


def _locate(program: str) -> str | None:
    search = os.pathsep.join((os.environ.get("PATH", ""), *_PLACES))
    found = shutil.which(program, path=search)
    return None if found is None else os.path.abspath(found)  # noqa: PTH100 - keeps symlinks


def _unusable(message: str, words: str) -> Verdict:
    return Verdict(Outcome.PERMANENT, "sshd-unusable", message, INSTALL_HINT, words[:500])
