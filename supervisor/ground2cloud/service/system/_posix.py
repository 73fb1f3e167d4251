"""Accounts and owners on Linux, macOS and the BSDs."""

import grp
import os
import pwd
import shlex
import shutil
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from ground2cloud.errors import Ground2CloudError

assert sys.platform != "win32"

_HOMES = ("/root", "/home", "/run/user")
"""What a service doesn't get to see, whatever its mode (systemd's ProtectHome)."""


def create_account(name: str, home: Path) -> tuple[str, ...] | None:
    """Answer with the command that makes the account; None if there is one of this name.

    Raises:
        Ground2CloudError: no program to do it is known here.
    """
    if _user(name) is not None:
        return None
    nologin = shutil.which("nologin", path="/usr/sbin:/sbin:/usr/bin") or "/bin/false"
    if shutil.which("useradd"):
        options = ("--system", "--user-group", "--no-create-home")
        return ("useradd", *options, "--home-dir", str(home), "--shell", nologin, name)
    if shutil.which("adduser"):  # busybox: would put the account into nogroup
        account = f"-S -D -H -h {shlex.quote(str(home))} -s {nologin} -G {name} {name}"
        return ("sh", "-c", f"addgroup -S {name}; adduser {account}")
    raise Ground2CloudError(
        f"no program to create the account {name}",
        f"create it and its group {name}, without a password, and try again",
    )


def remove_account(name: str) -> list[tuple[str, ...]]:
    """Answer with the commands that remove the account and its group."""
    commands: list[tuple[str, ...]] = []
    if _user(name) is not None:
        commands.append(("userdel", name) if shutil.which("userdel") else ("deluser", name))
    elif _group(name) is not None:
        commands.append(("groupdel", name) if shutil.which("groupdel") else ("delgroup", name))
    return commands


def give(path: Path, mode: int, owner: str, group: str) -> bool:
    """Set owner, group and mode of `path`; answer whether that changed anything.

    Raises:
        OSError: it may not be changed, or is a link.
        Ground2CloudError: there is no such account.
    """
    uid, gid = _uid(owner), _gid(group)
    # The directory may be another account's: what is there must not be a link to elsewhere.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        now = os.fstat(descriptor)
        if (uid in {-1, now.st_uid}) and (gid in {-1, now.st_gid}):
            if stat.S_IMODE(now.st_mode) == mode:
                return False
        else:
            os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)
    return True


def closed_to_others(path: Path, *, homes: bool = True) -> Path | None:
    """Answer with the directory or file on the way to `path` that another account can't pass.

    `homes` says that it is a service's account, which can't pass a home in any case.
    """
    for real in {path.absolute(), Path(os.path.realpath(path))}:
        for part in (*reversed(real.parents), real):
            if homes and str(part) in _HOMES:
                return part
            try:
                mode = part.stat().st_mode
            except OSError:
                return part
            needed = stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
            if not mode & needed:
                return part
    return None


def quote(argv: Sequence[str]) -> str:
    """Write a command for a POSIX shell."""
    return shlex.join(argv)


def quote_word(text: str) -> str:
    """Write one word for a POSIX shell."""
    return shlex.quote(text)


def as_administrator(command: str) -> str:
    """Write it so that root runs it."""
    return f"sudo {command}"


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _group(name: str) -> grp.struct_group | None:
    try:
        return grp.getgrnam(name)
    except KeyError:
        return None


def _uid(name: str) -> int:
    if not name:
        return -1
    if (user := _user(name)) is None:
        raise Ground2CloudError(f"there is no account {name}")
    return user.pw_uid


def _gid(name: str) -> int:
    if not name:
        return -1
    if (group := _group(name)) is None:
        raise Ground2CloudError(f"there is no group {name}")
    return group.gr_gid
