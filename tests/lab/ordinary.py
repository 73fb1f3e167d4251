"""Commands as they run for an ordinary user, and for a root whose program everybody may read.

Where the test is root's, the Python that runs it may be where no one else may look (below /root).
Such a directory is then replaced, in a mount namespace that ends with the command, by one in which
everybody sees the Python, the packages and the checkout, and nothing else. The ordinary user exists
in that namespace only.
"""

import os
import shlex
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
NAME, NUMBER = "g2c-walter", 61_234


def as_ordinary_user(*argv: str) -> list[str]:
    """Return the command that runs `argv` as a user without rights, who has a shell."""
    if os.geteuid() != 0:
        return list(argv)
    become = ("setpriv", f"--reuid={NUMBER}", f"--regid={NUMBER}", "--clear-groups", "--")
    return _opened(*become, *argv)


def as_root_of_all(*argv: str) -> list[str]:
    """Return the command that runs `argv` as root, with a program that every account may read."""
    assert os.geteuid() == 0, "only root can"
    return _opened(*argv)


def _opened(*argv: str) -> list[str]:
    passwd = f"{NAME}:x:{NUMBER}:{NUMBER}::/nonexistent:/bin/sh"
    # In a tmpfs of the namespace: nothing is left when the last process in it has ended.
    lines = [
        "mount -t tmpfs -o mode=755 tmpfs /mnt",
        f"(cat /etc/passwd; echo {passwd}) >/mnt/passwd",
        "chmod 644 /mnt/passwd",
        "mount --bind /mnt/passwd /etc/passwd",
    ]
    for number, (closed, needed) in enumerate(_closed().items()):
        kept = [f"/mnt/{number}.{index}" for index, _ in enumerate(needed)]
        for path, place in zip(needed, kept, strict=True):
            lines.append(f"mkdir {place}; mount --bind {shlex.quote(path)} {place}")
        lines.append(f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(closed)}")
        for path, place in zip(needed, kept, strict=True):
            lines.append(f"mkdir -p {shlex.quote(path)}; mount --move {place} {shlex.quote(path)}")
    script = "\n".join(["set -e; umask 022", *lines, 'exec "$@"'])
    return ["unshare", "--mount", "--", "sh", "-c", script, "opened", *argv]


def _closed() -> dict[str, list[str]]:
    """The directories that others can't pass, each with what is needed below it."""
    found: dict[str, list[str]] = {}
    for path in {Path(sys.base_prefix), Path(sys.prefix), CHECKOUT}:
        for part in (*reversed(path.parents), path):
            if not part.stat().st_mode & 0o001:
                found.setdefault(str(part), []).append(str(path))
                break
    return found
