"""Which HAProxy there is, and what it can do. `haproxy -vv` needs no file and takes 10 ms."""

import os
import re
import shutil
from dataclasses import dataclass

from ground2cloud.core import oneshot
from ground2cloud.core.spec import Outcome, Verdict

OLDEST = (2, 6)
"""The first whose `defaults` may hold rules and whose Lua has filters."""

NEEDED = ("LUA", "OPENSSL")
"""What it must have been built with: CONNECT is Lua, keys are hashed with OpenSSL."""

INSTALL_HINT = (
    "install HAProxy 2.6 or later: apt install haproxy (Debian, Ubuntu), dnf install haproxy"
    " (Fedora, RHEL), apk add haproxy (Alpine); or name it in gateway.toml: [router] program"
)

_BESIDE_PATH = ("/usr/sbin", "/usr/local/sbin")  # Debian's, and not in an ordinary user's PATH
_TIMEOUT = 10.0
_VERSION = re.compile(r"HA-?Proxy version (\d+)\.(\d+)\S*")


@dataclass(frozen=True, slots=True)
class HaproxyProgram:
    """The HAProxy to run.

    Args:
        path: absolute.
        version: (2, 6) of `2.6.12-1+deb12u4`.
        text: `HAProxy version 2.6.12-1+deb12u4`.
    """

    path: str
    version: tuple[int, int]
    text: str


def parse_version(text: str) -> tuple[int, int] | None:
    """Read the version out of what `haproxy -vv` prints; None if there is none in it."""
    match = _VERSION.match(text)
    return (int(match[1]), int(match[2])) if match else None


async def find_haproxy(program: str = "haproxy") -> HaproxyProgram | Verdict:
    """Find `program` (a name or a path) and ask it what it is.

    Returns:
        The program, or why it can't be used: always PERMANENT, `haproxy-missing` or
        `haproxy-unusable`.
    """
    places = os.pathsep.join((os.environ.get("PATH", os.defpath), *_BESIDE_PATH))
    found = shutil.which(program, path=places)
    if found is None:
        message = f"there is no program {program!r} on this machine"
        return Verdict(Outcome.PERMANENT, "haproxy-missing", message, INSTALL_HINT)
    path = os.path.abspath(found)  # noqa: ASYNC240, PTH100 - takes no time; keeps symlinks
    answer = await oneshot.run((path, "-vv"), timeout=_TIMEOUT)
    return judge(path, answer.out or answer.err)


def judge(path: str, words: str) -> HaproxyProgram | Verdict:
    """Say what the program at `path` is, from what its `-vv` printed."""
    version = parse_version(words)
    if version is None:
        return _unusable(f"{path} is not HAProxy", words)
    if version < OLDEST:
        return _unusable(f"{path} is older than HAProxy {OLDEST[0]}.{OLDEST[1]}", words)
    missing = [name for name in NEEDED if f"+{name}" not in words.split()]
    if missing:
        return _unusable(f"{path} was built without {' and '.join(missing)}", words)
    match = _VERSION.match(words)
    assert match is not None
    return HaproxyProgram(path, version, match[0])


def _unusable(message: str, words: str) -> Verdict:
    evidence = words.partition("\n")[0][:500]
    return Verdict(Outcome.PERMANENT, "haproxy-unusable", message, INSTALL_HINT, evidence)
