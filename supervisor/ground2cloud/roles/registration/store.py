"""The identity on the disk: read, replaced as a whole, removed.

`identity.toml` is the one truth; a key that it does not name is nobody's. The commands and the
running agent both change it, each for a moment under a lock, and from what is there at that moment.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

from ground2cloud.config.identity import (
    FILE_NAME,
    JOINING_NAME,
    Identity,
    Joining,
    read_identity,
    read_joining,
    text_of,
)
from ground2cloud.core.clock import monotonic
from ground2cloud.core.lock import AlreadyRunningError, StateLock
from ground2cloud.errors import Ground2CloudError
from ground2cloud.openssh.render import authority_line
from ground2cloud.rendering.atomic import make_private_directory, write_atomic
from ground2cloud.rendering.replacing import give_to_owner

KNOWN_HOSTS_NAME = "known_hosts"
KEY_NAMES = "id_ed25519*"

_PATIENCE = 3.0  # seconds; the lock is held for a few milliseconds
_LOOK_EVERY = 0.02


class Store:
    """The files of one agent's registration, in its state directory."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.path = state / FILE_NAME
        self.known_hosts = state / KNOWN_HOSTS_NAME
        self._joining = state / JOINING_NAME

    def read(self) -> Identity | None:
        """Read the identity; None where this agent is not registered.

        Raises:
            ConfigError: the file is damaged, or not for this account to read.
        """
        return read_identity(self.path)

    def write(self, identity: Identity) -> None:
        """Make this the identity.

        Raises:
            Ground2CloudError: it can't be written; what was there is there.
        """
        with self._locked():
            self._put(identity)

    def update(self, change: Callable[[Identity], Identity]) -> Identity | None:
        """Change what is there now; answer what is there then, None where there is nothing.

        Raises:
            Ground2CloudError: it can't be read or written.
        """
        with self._locked():
            before = self.read()
            if before is None:
                return None
            after = change(before)
            if after != before:
                self._put(after)
            return after

    def remove(self) -> None:
        """Forget the registration: the identity first, so that a power cut leaves no half of it.

        Raises:
            Ground2CloudError: it can't be removed.
        """
        with self._locked(), _told(self.path):
            self.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # on Windows an ssh may be just reading it
            self.known_hosts.unlink(missing_ok=True)
        self.tidy()

    def joining(self) -> Joining | None:
        """What is left of a registration that was cut off."""
        return read_joining(self._joining)

    def note_joining(self, joining: Joining) -> None:
        """Remember what is being asked for.

        Raises:
            Ground2CloudError: it can't be written.
        """
        with _told(self._joining):
            write_atomic(self._joining, text_of(joining))
            give_to_owner(self._joining)

    def joined(self) -> None:
        """Forget what was asked for: it is answered."""
        with contextlib.suppress(OSError):
            self._joining.unlink(missing_ok=True)

    def free_key(self) -> str:
        """Answer with a name for a new key: of a file that is not there."""
        names = ("id_ed25519", *(f"id_ed25519-{number}" for number in range(2, 1_000_000)))
        return next(name for name in names if not (self.state / name).exists())

    def public_key(self, name: str) -> str:
        """Answer with the public half of a key, without comment; empty if it can't be read."""
        try:
            words = (self.state / f"{name}.pub").read_text("utf-8").split()
        except (OSError, UnicodeDecodeError):
            return ""
        return " ".join(words[:2])

    def tidy(self) -> None:
        """Remove keys that nothing names. For the commands alone: one may be just being made."""
        identity, joining = self.read(), self.joining()
        named = {joining.key} if joining is not None else set()
        if identity is not None:
            named |= {identity.key, identity.next_key or identity.key}
        for path in self.state.glob(KEY_NAMES):
            if path.name.removesuffix(".pub") not in named:
                with contextlib.suppress(OSError):
                    path.unlink()

    @contextlib.contextmanager
    def commanding(self) -> Iterator[None]:
        """Be the one command that changes the registration.

        Raises:
            Ground2CloudError: another one does.
        """
        with _told(self.state):
            make_private_directory(self.state)
            lock = StateLock(self.state / "registration.lock")
            try:
                _acquire(lock)
            except AlreadyRunningError:
                raise Ground2CloudError(
                    "another command changes this registration just now", "wait until it is done"
                ) from None
            give_to_owner(self.state / "registration.lock")
        try:
            yield
        finally:
            lock.release()

    def _put(self, identity: Identity) -> None:
        """Write the files; the identity last, for it is what counts."""
        for key in (identity.key, identity.next_key):
            if key is not None:
                give_to_owner(self.state / key)
                give_to_owner(self.state / f"{key}.pub")
        with _told(self.path):
            write_atomic(self.known_hosts, authority_line(identity.host_alias, identity.host_ca))
            give_to_owner(self.known_hosts)
            write_atomic(self.path, text_of(identity))
            give_to_owner(self.path)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = StateLock(self.state / "identity.lock")
        with _told(self.state):
            try:
                _acquire(lock)
            except AlreadyRunningError:
                raise Ground2CloudError(f"{self.path} is in use for too long") from None
            give_to_owner(self.state / "identity.lock")
        try:
            yield
        finally:
            lock.release()


def _acquire(lock: StateLock) -> None:
    """Wait for a lock that may be held for a moment: also by what a killed command had begun.

    Raises:
        AlreadyRunningError: it is held for longer.
    """
    deadline = monotonic() + _PATIENCE
    while True:
        try:
            lock.acquire(os.getpid())
        except AlreadyRunningError:
            if monotonic() > deadline:
                raise
            Event().wait(_LOOK_EVERY)
        else:
            return


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say in one line what the system refuses, or which value can't be written."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise Ground2CloudError(
            f"{where}: {error.strerror or error}", "run this as the agent's account, or with sudo"
        ) from None
    except ValueError as error:
        raise Ground2CloudError(f"what the gateway answered can't be used: {error}") from None
