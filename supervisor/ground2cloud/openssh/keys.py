"""Make a private key, and look at one the way ssh will: can it be used, and which key is it?

ssh-keygen is asked, not the file's mode: it applies the same rules as ssh on every platform, and
knows every format.
"""

import platform
import re
from dataclasses import dataclass
from pathlib import Path

from ground2cloud.core import oneshot
from ground2cloud.errors import Ground2CloudError
from ground2cloud.openssh import system

_TIMEOUT = 30.0  # seconds; ssh-keygen takes 5 ms, but a machine may be very busy
_MAKING = 30.0  # seconds; an ed25519 key takes milliseconds
_TOO_OPEN = re.compile(r"Permissions .* are too open|bad permissions")
_ENCRYPTED = re.compile(r"incorrect passphrase")
_FINGERPRINT = re.compile(r"^\d+ (SHA256:\S+)")


@dataclass(frozen=True, slots=True)
class KeyReport:
    """What is known of a private key.

    Args:
        path: the file.
        problem: empty when ssh can use it; else `missing`, `too-open`, `encrypted`, `unreadable`
            (also: no private key at all) or `unknown` (ssh-keygen could not be asked).
        message: the problem in one line.
        hint: what to do about it.
        public_key: its line for authorized_keys, empty where there is a problem.
        fingerprint: `SHA256:…` as ssh shows it, empty where there is a problem.
    """

    path: Path
    problem: str = ""
    message: str = ""
    hint: str = ""
    public_key: str = ""
    fingerprint: str = ""

    @property
    def usable(self) -> bool:
        """Whether ssh can log in with it."""
        return not self.problem


async def make_key(path: Path, keygen: str) -> None:
    """Make an ed25519 key without passphrase that only this account can read; `path.pub` beside it.

    The directory must be there.

    Raises:
        Ground2CloudError: it can't be made.
    """
    # No passphrase: nobody is there to type it when the machine starts.
    argv = (keygen, "-q", "-t", "ed25519", "-N", "", "-C", _comment(), "-f", str(path))
    done = await oneshot.run(argv, timeout=_MAKING)
    if not done.ok:
        raise Ground2CloudError(f"can't make the key {path}: {(done.err or done.out).strip()}")
    if problem := await system.restrict_key(path):
        raise Ground2CloudError(f"can't keep the key from others: {problem}")


def _comment() -> str:
    """Name this machine, in letters that are safe in authorized_keys."""
    host = re.sub(r"[^A-Za-z0-9.-]", "", platform.node()) or "agent"
    return f"ground2cloud@{host}"


async def check_key(path: Path, keygen: str = "ssh-keygen") -> KeyReport:
    """Report on a private key. Never raises for what is found.

    Args:
        path: the private key file.
        keygen: the program; `SshProgram.sibling("ssh-keygen")` is the one that belongs to the ssh.
    """
    new_key = f'make a new one: ssh-keygen -t ed25519 -N "" -f "{path}"'
    try:
        path.stat()  # noqa: ASYNC240 - one look at a local file
    except FileNotFoundError:
        message = f"there is no private key {path}"
        return KeyReport(path, "missing", message, f"set gateway.identity_file, or {new_key}")
    except OSError as error:
        return KeyReport(
            path, "unreadable", f"{path}: {error.strerror}", system.permission_hint(path)
        )
    derived = await oneshot.run((keygen, "-y", "-P", "", "-f", str(path)), timeout=_TIMEOUT)
    if derived.code is None:
        return KeyReport(path, "unknown", derived.err, system.INSTALL_HINT)
    if not derived.ok:
        return _bad(path, derived.err, new_key)
    public_key = derived.out.strip()
    printed = await oneshot.run(
        (keygen, "-l", "-f", "-"), timeout=_TIMEOUT, stdin=derived.out.encode()
    )
    match = _FINGERPRINT.match(printed.out)
    return KeyReport(path, public_key=public_key, fingerprint=match[1] if match else "")


def _bad(path: Path, words: str, new_key: str) -> KeyReport:
    if _TOO_OPEN.search(words):
        message = f"others may read the private key {path}, so ssh does not use it"
        return KeyReport(path, "too-open", message, system.permission_hint(path))
    if _ENCRYPTED.search(words):
        message = f"the private key {path} needs a passphrase, and nobody is there to type it"
        remove = f'remove the passphrase: ssh-keygen -p -N "" -f "{path}"'
        return KeyReport(path, "encrypted", message, f"{remove}; or {new_key}")
    message = f"{path} is not a private key that this account can read"
    return KeyReport(
        path, "unreadable", message, f"check the file (not the .pub one), or {new_key}"
    )
