"""The links on this machine: the file, the ssh, the key, who else may change them, the clock."""

from datetime import UTC, datetime
from pathlib import Path

from ground2cloud.config.locations import Locations
from ground2cloud.config.model import AgentConfig
from ground2cloud.core.clock import wall
from ground2cloud.core.spec import Verdict
from ground2cloud.openssh.keys import check_key
from ground2cloud.openssh.program import find_ssh
from ground2cloud.roles.doctor.finding import NOT_TRIED, Finding, bad, good, unknown
from ground2cloud.roles.doctor.permissions import changeable_by_others
from ground2cloud.roles.doctor.timekeeping import is_synchronised

_FIRST_RELEASE = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
_SET_CLOCK = "let a time server set it: timedatectl set-ntp true"


async def look_for_ssh(config: AgentConfig) -> Finding:
    """See whether there is an ssh, and whether it is new enough."""
    found = await find_ssh(config.ssh.program)
    if isinstance(found, Verdict):
        return bad("ssh", found.message, found.hint)
    return good("ssh", f"{found.path}, {found.text}")


async def look_at_key(config: AgentConfig, places: Locations) -> Finding:
    """See whether ssh can use the private key."""
    program = await find_ssh(config.ssh.program)
    if isinstance(program, Verdict):
        return unknown("key", NOT_TRIED)
    report = await check_key(places.identity_file, program.sibling("ssh-keygen"))
    if report.problem:
        return bad("key", report.message, report.hint)
    return good("key", f"{report.path}, {report.fingerprint}")


def look_at_files(path: Path, places: Locations) -> Finding:
    """See whether somebody else may change what this machine trusts.

    Who can write into the directory of a file can replace the file.
    """
    files = [path, places.identity_file, *([places.known_hosts] if places.known_hosts else [])]
    for file in dict.fromkeys([*files, *(file.parent for file in files)]):
        try:
            command = changeable_by_others(file)
        except OSError as error:
            return bad("files", f"{file}: {error.strerror}", "check the path and its permissions")
        if command:
            return bad("files", f"others may change {file}", f"run: {command}")
    return good("files", "nobody else may change the configuration, the key and their directories")


def look_at_clock() -> Finding:
    """See whether the times in log and status can be right. The gateway's can't be asked over ssh.

    A wrong clock stops no tunnel, so it is bad only where it can't be meant.
    """
    now = wall()
    if now < _FIRST_RELEASE:
        return bad("clock", f"this machine thinks it is {_date(now)}", _SET_CLOCK)
    if is_synchronised():
        return good("clock", f"{_date(now)}, kept by a time server")
    return unknown("clock", f"{_date(now)}; nothing known of a time server")


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
