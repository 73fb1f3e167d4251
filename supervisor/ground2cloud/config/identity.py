"""The identity of a registered agent: what its gateway told it, in `identity.toml`.

The file is the program's own and lies in the state directory, readable by the agent's account
alone, for it holds the agent token. Each of its values came over the network once, so each is held
to a rule here before it can reach ssh, a terminal or a log. A file that breaks one is not used.
"""

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import tomli_w
from msgspec import Meta, Struct

from ground2cloud.config import source
from ground2cloud.config.host_key import find_fault
from ground2cloud.config.model import Account, Host, Kind, Port
from ground2cloud.config.words import control_character, escape
from ground2cloud.errors import ConfigError

FILE_NAME = "identity.toml"
JOINING_NAME = "joining.toml"

_HEAD = "# Written by ground2cloud. Who has this file is this agent: keep it to yourself.\n\n"
_MEND = "ground2cloud register, with a join string that renews this registration, makes a new one"
_END = r"$(?!\n)"  # Python's $ lets a line end pass

_Name = Annotated[str, Meta(pattern=rf"^[a-z0-9][a-z0-9_-]{{0,62}}{_END}")]
_Token = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9_-]{{20,200}}{_END}")]
_Pin = Annotated[str, Meta(pattern=rf"^[0-9A-Fa-f]{{64}}{_END}")]
_Slot = Annotated[str, Meta(pattern=rf"^127\.0\.0\.[0-9]{{1,3}}{_END}")]
_Key = Annotated[str, Meta(pattern=rf"^id_ed25519(-[0-9]{{1,9}})?{_END}")]
_Many = Meta(min_length=1, max_length=64)

T = TypeVar("T", bound=Struct)


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where the gateway's sshd is reached."""

    host: Host
    port: Port


class Allotted(Struct, frozen=True, kw_only=True):
    """A service that the gateway knows, and its port there."""

    name: _Name
    kind: Kind
    port: Port


class Backchannel(Struct, frozen=True, kw_only=True):
    """Where the gateway's API is, and which CA it is trusted by.

    `pin` is the SHA-256 of the CA's certificate in hex, `authority` that certificate as PEM, empty
    if it has to be asked for again.
    """

    host: Host
    port: Port
    pin: _Pin
    authority: Annotated[str, Meta(max_length=20_000)] = ""


class Identity(Struct, frozen=True, kw_only=True):
    """One registration, as its agent needs it.

    Args:
        registration: its number on the gateway.
        token: proves to the backchannel who asks.
        name: what the gateway's operator calls this agent; may be empty.
        user: the account of all agents on the gateway.
        host_ca: the public key that signs the gateway's host keys.
        host_alias: the name that its host certificates are for.
        key: the private key's file in the state directory.
        next_key: the one that is to replace it, while that is not proven; both may log in then.
        slots: the addresses that lanes bind on the gateway, in the order of the lanes.
        backchannel: where the API is.
        endpoint: where sshd is, in the order in which they are tried.
        service: the services as the gateway knows them.
    """

    registration: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    token: _Token
    name: Annotated[str, Meta(max_length=200)] = ""
    user: Account
    host_ca: Annotated[str, Meta(max_length=1000)]
    host_alias: Host
    key: _Key
    next_key: _Key | None = None
    slots: Annotated[tuple[_Slot, ...], _Many]
    backchannel: Backchannel
    endpoint: Annotated[tuple[Endpoint, ...], _Many]
    service: tuple[Allotted, ...] = ()

    def __repr__(self) -> str:
        """Name it, and no secret."""
        return f"<identity {self.registration}>"

    @property
    def ports(self) -> dict[str, int]:
        """The port on the gateway of each service, by name."""
        return {each.name: each.port for each in self.service}

    def is_same(self, other: "Identity | None") -> bool:
        """Whether both are one registration: another gateway may have the number, not the token."""
        return other is not None and other.token == self.token

    def shares_lanes(self, other: "Identity | None") -> bool:
        """Whether a lane that runs for one of them is right for the other.

        Keys and endpoints don't count: they matter to the next one that dials.
        """
        return other is not None and _lane_of(self) == _lane_of(other)


def _lane_of(identity: Identity) -> tuple[object, ...]:
    alias = identity.host_alias
    return (identity.registration, identity.user, identity.host_ca, alias, identity.slots)


class Joining(Struct, frozen=True, kw_only=True):
    """A registration that was asked for, and is not answered yet as far as this machine knows.

    The same question gets the same answer: with this, `register` may be repeated after a power cut.
    """

    join: Annotated[str, Meta(max_length=4000)]
    token: _Token
    key: _Key

    def __repr__(self) -> str:
        """Name it, and no secret."""
        return "<joining>"


def read_identity(path: Path) -> Identity | None:
    """Read the file; None where there is none.

    Raises:
        ConfigError: it can't be read, or breaks a rule.
    """
    found = _read(path, Identity)
    fault = None if found is None else _fault(found)
    if fault:
        raise source.fault(source.display_name(path), "", fault, _MEND)
    return found


def read_joining(path: Path) -> Joining | None:
    """Read what was left of a registration that was cut off; None where there is nothing usable."""
    try:
        return _read(path, Joining)
    except ConfigError:
        return None


def text_of(content: Identity | Joining) -> str:
    """Write the file's text.

    Raises:
        ValueError: a value breaks a rule; the file could not be read again.
    """
    known = {key: value for key, value in msgspec.to_builtins(content).items() if value is not None}
    try:
        msgspec.convert(known, type(content))
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    if isinstance(content, Identity) and (fault := _fault(content)):
        raise ValueError(fault)
    return _HEAD + tomli_w.dumps(known, multiline_strings=True)


def _read(path: Path, kind: type[T]) -> T | None:
    if _is_missing(path):
        return None
    name = source.display_name(path)
    raw = source.parse(source.read(path), name)
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise source.fault(name, "", f"is damaged: {escape(str(error))}", _MEND) from None


def _is_missing(path: Path) -> bool:
    """Whether nothing is there; where one may not even look, reading it tells why not."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return True
    except OSError:
        return False
    return False


def _fault(identity: Identity) -> str | None:
    """Say which rule is broken that needs more than one value, or more than a pattern."""
    if fault := find_fault(identity.host_ca):
        return f"host_ca: {fault}"
    hosts = [identity.backchannel.host, *(each.host for each in identity.endpoint)]
    for text in (identity.user, identity.name, identity.host_ca, identity.host_alias, *hosts):
        if control := control_character(text):
            return f"it must not have {control} in a line"
    names = [each.name for each in identity.service]
    ports = [each.port for each in identity.service]
    many: dict[str, list[object]] = {
        "service": [*names],
        "port": [*ports],
        "slot": [*identity.slots],
    }
    for word, values in many.items():
        if len(set(values)) < len(values):
            return f"a {word} is there twice"
    if identity.next_key == identity.key:
        return "next_key is the key itself"
    return None
