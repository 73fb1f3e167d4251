"""Who may do what with a file on Windows, as commands of icacls.

Accounts are named by SID: their names are translated on a Windows in another language.
"""

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path

from ground2cloud.service.plan import Run

SYSTEM = "S-1-5-18"
ADMINISTRATORS = "S-1-5-32-544"


def service_sid(name: str) -> str:
    r"""Answer with the SID of `NT SERVICE\NAME`, whether there is such a service or not.

    It is made of the SHA-1 of the name in capitals, in UTF-16 (MS-DTYP 2.4.2.4; `sc showsid`).
    """
    digest = hashlib.sha1(name.upper().encode("utf-16-le"), usedforsecurity=False).digest()
    return "-".join(("S-1-5-80", *map(str, struct.unpack("<5L", digest))))


def access(directory: Path, service: str, right: str) -> Run:
    """Give a directory to the administrators, and to a service with `right` (icacls: RX, M).

    Files in it inherit that.
    """
    grants = [f"*{sid}:(OI)(CI)F" for sid in (SYSTEM, ADMINISTRATORS)]
    grants.append(f"*{service_sid(service)}:(OI)(CI){right}")
    return Run(("icacls.exe", str(directory), "/inheritance:r", "/grant:r", *grants, "/q"))


def only_for(key: Path, service: str) -> Iterator[Run]:
    """Let a service read a key, and nobody else but the administrators; ssh insists on that."""
    grants = [f"*{sid}:F" for sid in (SYSTEM, ADMINISTRATORS)]
    grants.append(f"*{service_sid(service)}:R")
    # /grant:r replaces the rights of those named only; /reset first drops everyone else's.
    for arguments in (
        ("/setowner", f"*{ADMINISTRATORS}"),
        ("/reset",),
        ("/inheritance:r", "/grant:r", *grants),
    ):
        yield Run(("icacls.exe", str(key), *arguments, "/q"), if_exists=key)
