"""OpenSSH on Linux, macOS and the BSDs."""

import asyncio
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

assert sys.platform != "win32"

CONTROL_SOCKET = True
"""Whether ssh takes orders on a Unix socket."""

BARE_SOURCES = True
"""Whether a line of LogVerbose begins with the bare name of a source file: `packet.c`."""

CHILD_ENVIRONMENT: Mapping[str, str] = {"SHELL": "/bin/sh"}
"""What ssh must find in its environment.

It runs ProxyCommand with $SHELL, and the account of a service has /usr/sbin/nologin there.
"""

INSTALL_HINT = (
    "install OpenSSH's client: apt install openssh-client (Debian, Ubuntu),"
    " dnf install openssh-clients (Fedora, RHEL), apk add openssh-client (Alpine);"
    " macOS brings it. Or name it in agent.toml: [ssh] program"
)

_CPUINFO = Path("/proc/cpuinfo")


def locate(program: str) -> str | None:
    """Return the absolute path of a program given by name or path, None if there is none."""
    found = shutil.which(program)
    return None if found is None else os.path.abspath(found)  # noqa: PTH100 - keeps symlinks


def has_aes(cpuinfo: Path = _CPUINFO) -> bool:
    """Tell whether the processor computes AES by itself; False when it can't be known.

    Linux lists it among the `flags` (x86) or `Features` (ARM). Every Mac that runs a supported
    macOS has it.
    """
    try:
        text = cpuinfo.read_text("utf-8", "replace")
    except OSError:
        return sys.platform == "darwin"
    return re.search(r"(?m)^(?:flags|Features)\s*:.*\baes\b", text) is not None


async def open_socket(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a Unix socket.

    Raises:
        OSError: nobody listens there.
    """
    return await asyncio.open_unix_connection(path)


def shell_word(value: str) -> str:
    """Quote one word of the command that ssh hands to the shell (ProxyCommand)."""
    return shlex.quote(value)


def permission_hint(key: Path) -> str:
    """Say how to make a private key private."""
    return f"run: chmod 600 {shlex.quote(os.fspath(key))}"


async def hand_over_key(key: Path) -> str:
    """Do nothing: whose the file is was settled with its owner; answer what went wrong: nothing."""
    del key
    return ""


async def restrict_key(key: Path) -> str:
    """Let only the owner read and write the key; answer what went wrong, empty if nothing."""
    try:
        key.chmod(0o600)  # noqa: ASYNC240 - takes no time, and Windows needs to wait here
    except OSError as error:
        return f"{key}: {error.strerror}"
    return ""
