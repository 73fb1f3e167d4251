"""OpenSSH on Windows: the one that Windows brings, at a fixed place, without a control socket."""

import asyncio
import csv
import ctypes
import os
import platform
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from ground2cloud.core import oneshot

assert sys.platform == "win32"

CONTROL_SOCKET = False
"""Whether ssh takes orders on a Unix socket."""

BARE_SOURCES = False
"""Whether a line of LogVerbose begins with the bare name of a source file.

ssh cuts the path off at the last `/`, and the compiler here writes `\\`.
"""

CHILD_ENVIRONMENT: Mapping[str, str] = {}
"""What ssh must find in its environment."""

INSTALL_HINT = (
    "install OpenSSH's client, as administrator in PowerShell:"
    " Add-WindowsCapability -Online -Name OpenSSH.Client~~~~0.0.1.0."
    " Or name it in agent.toml: [ssh] program"
)

_PF_ARM_V8_CRYPTO_INSTRUCTIONS_AVAILABLE = 30  # winnt.h
_TIMEOUT = 15.0  # seconds; icacls and whoami take 50 ms, the first start of a day more
_SYSTEM, _ADMINISTRATORS = "S-1-5-18", "S-1-5-32-544"


def locate(program: str) -> str | None:
    """Return the absolute path of a program given by name or path, None if there is none.

    A bare name is looked for where Windows keeps its own OpenSSH before PATH: the ssh that comes
    with Git is another build with other ideas about paths. A 32-bit Python sees System32 under the
    name of Sysnative.
    """
    if Path(program).name == program:
        root = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"))
        name = program if program.lower().endswith(".exe") else f"{program}.exe"
        for folder in ("System32", "Sysnative"):
            candidate = root / folder / "OpenSSH" / name
            if candidate.is_file():
                return os.fspath(candidate)
    found = shutil.which(program)
    return None if found is None else os.path.abspath(found)  # noqa: PTH100 - keeps symlinks


def has_aes() -> bool:
    """Tell whether the processor computes AES by itself.

    Windows can be asked on ARM only. Every x64 processor since 2011 has it, and on an older one
    the answer costs speed, nothing else.
    """
    if platform.machine().upper() == "ARM64":
        feature = _PF_ARM_V8_CRYPTO_INSTRUCTIONS_AVAILABLE
        return bool(ctypes.windll.kernel32.IsProcessorFeaturePresent(feature))
    return True


async def open_socket(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Refuse: the ssh of Windows has no control socket.

    Raises:
        OSError: always.
    """
    raise FileNotFoundError(path)


def shell_word(value: str) -> str:
    """Quote one word of the command that ssh hands to CreateProcess (ProxyCommand).

    Raises:
        ValueError: the word has a double quote, which no file name can have.
    """
    if '"' in value:
        raise ValueError(f"{value!r} has a double quote")
    return f'"{value}"'


def permission_hint(key: Path) -> str:
    """Say how to make a private key private."""
    return (
        f'run: icacls "{key}" /reset, then: icacls "{key}" /inheritance:r'
        f" /grant:r *{_SYSTEM}:F *{_ADMINISTRATORS}:F *SID:F"
        " with the SID of the account that runs this program (whoami /user)"
    )


async def hand_over_key(key: Path) -> str:
    """Let those read the key who may read its directory; answer what went wrong, empty if nothing.

    The directory of a service is for SYSTEM, the administrators and the service's account.
    """
    done = await oneshot.run(("icacls", os.fspath(key), "/reset"), timeout=_TIMEOUT)
    return "" if done.ok else f"icacls: {(done.err or done.out).strip()}"


async def restrict_key(key: Path) -> str:
    """Let only SYSTEM, Administrators and this account read the key; answer what went wrong.

    Accounts are named by SID: their names are translated on a Windows in another language.
    """
    who = await oneshot.run(("whoami", "/user", "/fo", "csv", "/nh"), timeout=_TIMEOUT)
    row = next(csv.reader(who.out.splitlines()), [])
    if not who.ok or not row:
        return f"whoami: {who.err.strip()}"
    sids = dict.fromkeys((_SYSTEM, _ADMINISTRATORS, row[-1]))
    grants = [f"*{sid}:F" for sid in sids]
    # /grant:r replaces the rights of those named only; /reset first drops everyone else's.
    for arguments in (("/reset",), ("/inheritance:r", "/grant:r", *grants)):
        done = await oneshot.run(("icacls", os.fspath(key), *arguments), timeout=_TIMEOUT)
        if not done.ok:
            return f"icacls: {(done.err or done.out).strip()}"
    return ""
