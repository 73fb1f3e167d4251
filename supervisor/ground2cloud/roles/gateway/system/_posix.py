"""On Linux and its kin: an account without privileges, never root by accident.

The only privilege it may need is that of ports below 1024, and that is all that is kept. util-linux
changes the account: its `setpriv` does in one step what is easily done half.
"""

import contextlib
import grp
import os
import pwd
import resource
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from ground2cloud.errors import Ground2CloudError
from ground2cloud.rendering.atomic import make_private_directory
from ground2cloud.roles.gateway.system.error import AccountError

assert sys.platform != "win32"

_PRIVILEGED = 1024
_USUAL = "ground2cloud-gateway"
_MOST_FILES = 1 << 20  # as many as Linux allows by itself; some programs go through all of them
_MARK = "GROUND2CLOUD_BECAME"
_PROGRAM = (sys.executable, "-m", "ground2cloud")


def current() -> str:
    """Name the account of this process; its number where it has no name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def must_change(user: str | None) -> bool:
    """Whether this process, if it is root's, has to become another account first.

    Raises:
        AccountError: it is root's and nobody said whose it shall be, or another's than was said.
    """
    if os.geteuid() != 0:
        if user is not None and user != current():
            raise AccountError(
                f"gateway.user is {user}, but this is {current()}",
                f"run it as {user} or as root, or leave gateway.user out",
            )
        return False
    if user is None:
        raise AccountError(
            "a gateway does not run as root unless it is told which account to become",
            f'set user in [gateway], such as user = "{_USUAL}" ({_how_to_make(_USUAL)})',
        )
    return user != "root"


def become(user: str) -> None:
    """Become the account in this process, for good and without any privilege.

    Raises:
        AccountError: there is no such account, or this program is out of its reach.
    """
    entry = _entry(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ["HOME"] = entry.pw_dir
    _require_readable(user)


def exec_as(
    user: str, arguments: Iterable[str], *, directories: Iterable[Path], ports: Iterable[int]
) -> None:
    """Begin the program anew as the account; returns only by raising.

    Args:
        user: the account.
        arguments: of `ground2cloud`.
        directories: made for the account where they are missing.
        ports: on which it will listen.

    Raises:
        AccountError: there is no such account, or no setpriv.
        OSError: a directory can't be made.
    """
    entry = _entry(user)
    privileges = "-all,+net_bind_service" if min(ports) < _PRIVILEGED else "-all"
    before = command_as(user, privileges)
    if os.environ.get(_MARK):
        raise AccountError(f"setpriv did not become {user}")
    for directory in directories:
        give(directory, user)
    argv = [*before, *_PROGRAM, *arguments]
    environment = {**os.environ, "HOME": entry.pw_dir, "USER": user, _MARK: "1"}
    os.execve(before[0], argv, environment)  # noqa: S606 - no shell is meant


def begin_anew(arguments: Iterable[str]) -> None:
    """Run the program anew in this very process; returns only by raising.

    By the name under which it was started, which is what `ps` shows.

    Raises:
        Ground2CloudError: the program is not there any more.
    """
    script = shutil.which(sys.argv[0])
    by_name = script is not None and Path(script).name == _PROGRAM[-1]
    program = (os.path.abspath(script),) if by_name and script else _PROGRAM  # noqa: PTH100 - keeps symlinks
    try:
        os.execv(program[0], [*program, *arguments])  # noqa: S606 - no shell is meant
    except OSError as error:
        raise Ground2CloudError(
            f"{program[0]} can't be run anew: {error.strerror or error}",
            "install it and start the gateway: its lanes are left as they are",
        ) from None


def take_files() -> None:
    """Let this process and its children have as many open files as the system gives it at most.

    Of the 1,024 that are usual each caller and each look at a session takes some. HAProxy reckons
    with the most by itself, and sshd needs few.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # then it does with what it has
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def command_as(
    user: str, privileges: str = "-all", *, die_with_parent: bool = False
) -> tuple[str, ...]:
    """Answer with the beginning of a command line that runs as the account.

    Args:
        user: the account.
        privileges: that are kept, in setpriv's words.
        die_with_parent: ask the kernel anew for the end at the parent's death; it forgets that when
            the account changes.

    Raises:
        AccountError: there is no such account, or no setpriv.
    """
    entry = _entry(user)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise AccountError(
            "there is no setpriv on this machine (util-linux)", f"start it as {user} instead"
        )
    return (
        setpriv,
        f"--reuid={entry.pw_uid}",
        f"--regid={entry.pw_gid}",
        "--init-groups",
        "--no-new-privs",
        f"--inh-caps={privileges}",
        f"--ambient-caps={privileges}",
        f"--bounding-set={privileges}",
        *(("--pdeathsig=KILL",) if die_with_parent else ()),
        "--",
    )


def _entry(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(user)
    except KeyError:
        raise AccountError(
            f"there is no account {user}",
            _how_to_make(user),
        ) from None


def _how_to_make(user: str) -> str:
    return f"useradd --system --home-dir /var/lib/{user} --shell /bin/sh {user}"


def _require_readable(user: str) -> None:
    """Check that the rest of the program, which is imported late, can be read."""
    for file in (os.__file__, __file__):
        if not os.access(file, os.R_OK):
            raise AccountError(
                f"the account {user} may not read this program ({file})",
                "install it where every account may read it, such as below /opt",
            )


def share(path: Path, user: str) -> None:
    """Let the account read a file that stays ours.

    Raises:
        AccountError: there is no such account.
        OSError: the file is not ours.
    """
    os.chown(path, -1, _entry(user).pw_gid)
    path.chmod(0o640)


def number() -> int:
    """Return the number of this process's account; root's is 0."""
    return os.geteuid()


def require_own(directory: Path, user: str) -> None:
    """Check that a directory, where it is there, is the account's.

    Raises:
        AccountError: there is no such account, or it is another's.
    """
    with contextlib.suppress(OSError):
        if directory.stat().st_uid != _entry(user).pw_uid:
            raise AccountError(
                f"{directory} is not of {user}, which the gateway is to become",
                f"chown -R {user} {directory}",
            )


def require_reading(file: Path, user: str) -> None:
    """Check that the account may read a file that is there.

    Raises:
        AccountError: there is no such account, or it may not.
    """
    entry = _entry(user)
    status = file.stat()
    if not status.st_mode & _bit(status, entry, set(os.getgrouplist(user, entry.pw_gid))) << 2:
        raise AccountError(
            f"{file} can't be read by {user}, which the gateway is to become",
            f"chgrp {_group(entry.pw_gid)} {file}; chmod 640 {file}",
        )


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _bit(status: os.stat_result, entry: pwd.struct_passwd, groups: set[int]) -> int:
    """The right to execute that decides for an account; the one to read is two bits higher."""
    if status.st_uid == entry.pw_uid:
        return 0o100
    return 0o010 if status.st_gid in groups else 0o001


def reach(directory: Path, user: str) -> None:
    """Check that the account gets to a directory, whether or not it is there yet.

    Raises:
        AccountError: there is no such account, or a directory on the way is closed to it.
    """
    entry = _entry(user)
    groups = set(os.getgrouplist(user, entry.pw_gid))
    for above in reversed(directory.absolute().parents):
        try:
            status = above.stat()
        except FileNotFoundError:
            return  # made with it, for everybody to pass through
        except OSError as error:
            raise AccountError(f"{above}: {error.strerror or error}") from None
        if entry.pw_uid != 0 and not status.st_mode & _bit(status, entry, groups):
            raise AccountError(
                f"the account {user} can't get to {directory}: {above} is closed to it",
                "leave --config out, and everything is where services have it; or name directories"
                f" that are open to {user} in [paths] and [log] of the file",
            )


def give(directory: Path, user: str) -> None:
    """Make a directory for the account where it is missing; one that exists is left as it is.

    Raises:
        AccountError: there is no such account, or it can't get there.
        OSError: it can't be made.
    """
    reach(directory, user)
    if directory.exists():
        return
    entry = _entry(user)
    # Those above it are everybody's to pass through, or the account could not reach its own.
    directory.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    make_private_directory(directory)
    os.chown(directory, entry.pw_uid, entry.pw_gid)


def load() -> float:
    """How busy the machine was in the last minute: 0 to 1."""
    return min(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def open_files() -> int:
    """How many files this process may have open."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit
