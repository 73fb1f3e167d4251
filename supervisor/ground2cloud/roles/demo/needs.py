"""What the demo needs of this machine, and what it uses where it is there."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ground2cloud.core.spec import Verdict
from ground2cloud.haproxy.program import find_haproxy
from ground2cloud.openssh.program import find_ssh
from ground2cloud.openssh.sshd.program import find_sshd
from ground2cloud.roles.demo.error import DemoError

_DATABASE_PLACES = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "usr/libexec/postgresql*")
"""Where Debian, Red Hat and Alpine keep PostgreSQL's programs, which are not in PATH."""

_PACKAGES = {
    "ssh-missing": "openssh-client",
    "sshd-missing": "openssh-server",
    "haproxy-missing": "haproxy",
}
"""Debian's names, which other distributions have too, or nearly."""


async def require_programs() -> None:
    """Make sure that ssh, sshd and HAProxy are there.

    Raises:
        DemoError: one is missing or can't be used; says what to install.
    """
    found = (await find_ssh("ssh"), await find_sshd(), await find_haproxy())
    verdicts = [each for each in found if isinstance(each, Verdict)]
    missing = [each.reason for each in verdicts if each.reason in _PACKAGES]
    if missing:
        programs = ", ".join(reason.removesuffix("-missing") for reason in missing)
        packages = " ".join(_PACKAGES[reason] for reason in missing)
        raise DemoError(
            f"the demo needs programs that are not on this machine: {programs}",
            f"install {packages} (Debian and Ubuntu: apt install {packages})",
        )
    for each in verdicts:
        raise DemoError(each.message, each.hint)


@dataclass(frozen=True, slots=True)
class DatabasePrograms:
    """PostgreSQL's: absolute paths."""

    initdb: str
    server: str
    psql: str


def find_database() -> DatabasePrograms | None:
    """Find the newest PostgreSQL; None where a part of it is not installed."""
    found = sorted(
        (path for place in _DATABASE_PLACES for path in Path("/").glob(place)),
        key=lambda path: [int(part) for part in path.parts if part.isdigit()],
        reverse=True,
    )
    search = os.pathsep.join((*map(str, found), os.environ.get("PATH", os.defpath)))
    paths = [shutil.which(name, path=search) for name in ("initdb", "postgres", "psql")]
    initdb, server, psql = paths
    if initdb is None or server is None or psql is None:
        return None
    return DatabasePrograms(initdb, server, psql)
