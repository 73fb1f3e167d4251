"""Which NSSM there is, and whether it can be used."""

import asyncio
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ground2cloud.core import oneshot
from ground2cloud.errors import Ground2CloudError
from ground2cloud.service import system

KNOWN = {"eee9c44c29c2be011f1f1e43bb8c3fca888cb81053022ec5a0060035de16d848": "2.24-101, 64 bit"}
"""SHA-256 of programs that are known to be good; others are asked for their version."""

LEAST = (2, 24, 101)
"""The first version that is known to work on Windows 10 and later."""

_HINT = (
    "take the pre-release build 2.24-101 from https://nssm.cc/download, put its win64\\nssm.exe"
    " into %ProgramFiles%\\NSSM, and install again"
)
_NAME = "nssm.exe"
_VERSION = re.compile(r"NSSM (\d+)\.(\d+)(?:-(\d+))?")
_TIMEOUT = 15.0  # seconds; it answers in some milliseconds, a virus scanner may look first


def find(beside: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Find NSSM in PATH, in the directory `beside`, or in %ProgramFiles%.

    Raises:
        Ground2CloudError: it isn't there, it is too old, or services can't reach it.
    """
    found = next((path for path in _candidates(beside, environ) if path.is_file()), None)
    if found is None:
        raise Ground2CloudError("NSSM, which runs the service, is not on this machine", _HINT)
    if hashlib.sha256(found.read_bytes()).hexdigest() not in KNOWN:
        said = asyncio.run(oneshot.run((str(found), "version"), timeout=_TIMEOUT))
        if reason := refusal(said.out + said.err):
            raise Ground2CloudError(f"{found} can't be used: {reason}", _HINT)
    if (closed := system.closed_to_others(found)) is not None:
        raise Ground2CloudError(
            f"{found} can't run a service: {closed} is not for others",
            "move nssm.exe to %ProgramFiles%\\NSSM",
        )
    return found


def refusal(said: str) -> str:
    """Say what speaks against an NSSM that answers `nssm version` like this; empty if nothing."""
    match = _VERSION.search(said)
    if match is None:
        return "it doesn't say its version as NSSM does"
    version = tuple(int(part or 0) for part in match.groups())
    if version >= LEAST:
        return ""
    mine = match[0].removeprefix("NSSM ")
    return f"it is {mine}; on Windows 10 and later, services need 2.24-101 or a newer one to start"


def _candidates(beside: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    # Not shutil.which: on Windows it looks in the current directory first, and what lies there
    # would become a service.
    folders = environ.get("PATH", "").split(os.pathsep)
    yield from (Path(folder, _NAME) for folder in folders if Path(folder).is_absolute())
    yield beside / _NAME
    for variable in ("PROGRAMFILES", "PROGRAMW6432"):
        if home := environ.get(variable):
            yield Path(home, "NSSM", _NAME)
            yield Path(home, "NSSM", "win64", _NAME)
