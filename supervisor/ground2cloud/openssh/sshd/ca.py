"""Who the gateway is to ssh: a host CA, a host key, and the CA's certificate for it.

Agents pin the CA (`@cert-authority` in known_hosts), so key, machine and address of the gateway
may change. All keys are made by ssh-keygen. The certificate never expires: an agent whose clock is
wrong must not be turned away by it, and it is made anew whenever the host key is.
"""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ground2cloud.core import oneshot
from ground2cloud.errors import Ground2CloudError
from ground2cloud.openssh.quoting import is_address, plain
from ground2cloud.openssh.render import HOST_KEY_ALIAS
from ground2cloud.rendering.atomic import make_private_directory, write_atomic

AUTHORITY_FILE = "host_ca"
"""The CA's private key."""

_TIMEOUT = 20.0  # seconds; ssh-keygen takes 10 ms
_PUBLIC = re.compile(r"(?P<key>ssh-ed25519 AAAA[A-Za-z0-9+/]+={0,2})(?: .*)?\s*")
_FINGERPRINT = re.compile(r"^\d+ (SHA256:\S+) ")
_CERTIFIED = re.compile(r"Public key: ED25519-CERT (SHA256:\S+)")
_SIGNED_BY = re.compile(r"Signing CA: ED25519 (SHA256:\S+)")
_PRINCIPALS = re.compile(r"Principals: *\n((?: {16}.*\n)*)")
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,255}")


class KeyToolError(Ground2CloudError):
    """ssh-keygen did not do what it was asked to."""


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """The files by which sshd proves who it is.

    Args:
        host_key: the private host key.
        certificate: the CA's certificate for it.
        ca_public_key: `ssh-ed25519 AAAA…` of the host CA, for agents to pin.
        changed: whether the host key or its certificate is new; a running sshd reads them at a
            SIGHUP.
    """

    host_key: Path
    certificate: Path
    ca_public_key: str
    changed: bool


async def ensure_identity(
    directory: Path, names: tuple[str, ...] = (), *, keygen: str = "ssh-keygen"
) -> HostIdentity:
    """Make what is missing of CA, host key and certificate, and keep what is there.

    Each file is whole or absent, whenever the program is killed.

    Args:
        directory: holds `host_ca`, `host_key` and `host_key-cert.pub`; made for this account alone.
        names: names and addresses of the gateway; the certificate also holds for the name under
            which agents pin it.
        keygen: the program.

    Raises:
        KeyToolError: ssh-keygen fails, or a file that is there is no usable key.
        OSError: the files can't be written.
        ValueError: a name is none.
    """
    principals = _principals(names)
    ca, host_key = directory / AUTHORITY_FILE, directory / "host_key"
    ca_public_key, _ = await ensure_key(ca, "ground2cloud host CA", keygen=keygen)
    _, new = await ensure_key(host_key, "ground2cloud gateway", keygen=keygen)
    certificate = directory / "host_key-cert.pub"
    if new or not await _certifies(certificate, host_key, ca, principals, keygen):
        await _sign(host_key, ca, principals, certificate, keygen)
        new = True
    return HostIdentity(host_key, certificate, ca_public_key, new)


async def ensure_key(path: Path, comment: str, *, keygen: str = "ssh-keygen") -> tuple[str, bool]:
    """Return the public half of an ed25519 key, `ssh-ed25519 AAAA…`, and whether it is new.

    The private half stays at `path` (0600), the public one at `path` + `.pub`.

    Raises:
        KeyToolError: ssh-keygen fails, or the file that is there is no usable key.
        OSError: the files can't be written.
    """
    new = not path.exists()  # noqa: ASYNC240 - one look at a local file
    if new:
        make_private_directory(path.parent)
        with _beside(path) as draft:
            asked = ("-q", "-t", "ed25519", "-N", "", "-C", plain(comment), "-f", str(draft))
            await _keygen(keygen, *asked)
            write_atomic(path, draft.read_bytes())
    # The public file may be lost, or of an older key: the private one is the truth.
    printed = await _keygen(keygen, "-y", "-P", "", "-f", str(path))
    match = _PUBLIC.fullmatch(printed)
    if match is None:
        raise KeyToolError(f"{path} is not an ed25519 key", "remove it, and a new one is made")
    write_atomic(_public(path), f"{match['key']} {comment}\n", mode=0o644)
    return match["key"], new


def known_hosts_line(ca_public_key: str, pattern: str = HOST_KEY_ALIAS) -> str:
    """Return the line of known_hosts that trusts every host key which this CA certified.

    Args:
        ca_public_key: `ssh-ed25519 AAAA…`; what follows it is left out.
        pattern: the host names for which it is trusted; by default the one name that a lane's
            HostKeyAlias gives to the gateway.

    Raises:
        ValueError: the key is not of that form.
    """
    match = _PUBLIC.fullmatch(plain(ca_public_key.strip()))
    if match is None:
        raise ValueError("the host CA's key is not of the form: ssh-ed25519 AAAA…")
    return f"@cert-authority {pattern} {match['key']}\n"


async def _certifies(
    certificate: Path, host_key: Path, ca: Path, principals: tuple[str, ...], keygen: str
) -> bool:
    """Whether the certificate is there, of this key, by this CA and for exactly these names."""
    if not certificate.is_file():  # noqa: ASYNC240 - one look at a local file
        return False
    try:
        shown = await _keygen(keygen, "-L", "-f", str(certificate))
        prints = [await _fingerprint(key, keygen) for key in (host_key, ca)]
    except KeyToolError:
        return False
    found = [pattern.search(shown) for pattern in (_CERTIFIED, _SIGNED_BY)]
    names = _PRINCIPALS.search(shown)
    certified = names is not None and tuple(names[1].split()) == principals
    return certified and [match and match[1] for match in found] == prints


async def _sign(
    host_key: Path, ca: Path, principals: tuple[str, ...], certificate: Path, keygen: str
) -> None:
    # ssh-keygen writes the certificate beside the public key, under a name of its own choice.
    with _beside(host_key) as draft:
        shutil.copyfile(_public(host_key), _public(draft))
        asked = ("-q", "-s", str(ca), "-I", HOST_KEY_ALIAS, "-h", "-n", ",".join(principals))
        await _keygen(keygen, *asked, str(_public(draft)))
        signed = draft.with_name(f"{draft.name}-cert.pub").read_bytes()
    write_atomic(certificate, signed, mode=0o644)


async def _fingerprint(key: Path, keygen: str) -> str:
    shown = await _keygen(keygen, "-l", "-f", str(_public(key)))
    match = _FINGERPRINT.match(shown)
    return match[1] if match else ""


async def _keygen(keygen: str, *arguments: str) -> str:
    answer = await oneshot.run((keygen, *arguments), timeout=_TIMEOUT)
    if not answer.ok:
        words = answer.err.strip().splitlines()
        said = words[-1][:300] if words else f"exit code {answer.code}"
        raise KeyToolError(f"ssh-keygen failed: {said}", "is the file whole, and readable?")
    return answer.out


def _principals(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not is_address(name) and not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is neither a host name nor an address")
    return tuple(dict.fromkeys((HOST_KEY_ALIAS, *names)))


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Lend a name in a private directory on the same disk; what is left there is removed."""
    with tempfile.TemporaryDirectory(prefix=".making-", dir=path.parent) as directory:
        yield Path(directory) / path.name


def _public(key: Path) -> Path:
    return key.with_name(f"{key.name}.pub")
