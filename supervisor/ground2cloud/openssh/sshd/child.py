"""The gateway's sshd as a child of the supervisor: its files, how it starts, checks and reloads.

The keys are no part of a reload: sshd reads them anew for every login, so a file in place is
enough. sshd_config is checked beside the good one and put in place only then, since a SIGHUP with
a broken file would be the end of sshd.
"""

import hashlib
from collections.abc import Callable, Collection
from pathlib import Path

from ground2cloud.core.spec import ChildSpec, Limits, Outcome, Prepared, RefusedError, Verdict
from ground2cloud.openssh.sshd import authorized
from ground2cloud.openssh.sshd.account import shell_problem
from ground2cloud.openssh.sshd.authorized import KeyGrant
from ground2cloud.openssh.sshd.events import Event
from ground2cloud.openssh.sshd.observer import SshdObserver
from ground2cloud.openssh.sshd.program import SshdProgram, find_grep
from ground2cloud.openssh.sshd.render import argv, check_argv, sshd_config
from ground2cloud.openssh.sshd.settings import SshdPlaces, SshdSettings
from ground2cloud.openssh.sshd.verdicts import refused
from ground2cloud.rendering.atomic import write_atomic

__all__ = ["NAME", "RELOAD_SIGNAL", "SshdChild", "shell_problem"]

NAME = "sshd"

RELOAD_SIGNAL = 1
"""SIGHUP: sshd runs itself again with the same arguments; lanes that are up stay up."""


class SshdChild:
    """What the supervisor needs to run sshd.

    Args:
        program: the sshd.
        settings: replaced by the role when the configuration changes, then `Supervisor.reload`.
        places: its files.
        on_event: hears of logins, refusals and the like (`Claims.hear` is one who wants to).
        limits: the times that govern it.
        find: looks for a `grep` that sshd may run; None if there is none.
    """

    def __init__(
        self,
        program: SshdProgram,
        settings: SshdSettings,
        places: SshdPlaces,
        *,
        on_event: Callable[[Event], None] | None = None,
        limits: Limits | None = None,
        find: Callable[[], str | None] = find_grep,
    ) -> None:
        self.settings = settings
        self.program = program
        self._places = places
        self._on_event = on_event
        self._limits = limits or Limits()
        self._find = find
        self._large = False
        self._installed = ""
        self._observer: SshdObserver | None = None

    @property
    def installed(self) -> str:
        """Something that changes with all that sshd reads at its start or reload."""
        return self._installed

    @property
    def rounds(self) -> int:
        """How often the present process has listened everywhere: at its start, and per reload."""
        return 0 if self._observer is None else self._observer.rounds

    def spec(self) -> ChildSpec:
        """How the supervisor runs it."""
        return ChildSpec(
            name=NAME,
            prepare=self.prepare,
            observe=self._observe,
            limits=self._limits,
            refused=refused,
            reload_signal=RELOAD_SIGNAL,
            reloads=lambda: self.rounds,
        )

    def write_keys(self, grants: Collection[KeyGrant]) -> bool:
        """Put the keys in place; they hold from the next login on.

        Answers whether sshd must be reloaded besides: the way in which it finds them has changed.

        Raises:
            OSError: the file can't be written; the old one is as it was.
            ValueError: two registrations have the same key.
        """
        write_atomic(self._places.authorized_keys, authorized.text(grants))
        before = self._large
        self._large = authorized.is_large(len(grants), before=before)
        return self._large is not before

    async def prepare(self) -> Prepared:
        """Write a candidate of sshd_config; it takes the place of the good one when it is proven.

        Raises:
            RefusedError: a value can't be expressed in sshd_config.
            OSError: it can't be written.
        """
        places = self._places
        grep = self._find() if self._large else None
        try:
            text = sshd_config(self.settings, places, self.program, grep=grep)
        except ValueError as error:
            message = f"sshd can't be told this: {error}"
            raise RefusedError(Verdict(Outcome.PERMANENT, "config-bad", message)) from error
        draft = places.config_file.with_name(f"{places.config_file.name}.new")
        write_atomic(draft, text)
        now = self._state(text)

        def install() -> None:
            write_atomic(places.config_file, text)
            self._installed = now

        return Prepared(
            argv(self.program, places.config_file),
            check_argv(self.program, draft),
            changed=now != self._installed,
            install=install,
        )

    def _observe(self) -> SshdObserver:
        self._observer = SshdObserver(lambda: self.settings.listen, self._on_event)
        return self._observer

    def _state(self, text: str) -> str:
        """Return something that changes with all that sshd reads at its start."""
        digest = hashlib.sha256(text.encode())
        for file in (self._places.host_key, self._places.host_certificate):
            digest.update(_content(file))
        return digest.hexdigest()


def _content(file: Path | None) -> bytes:
    try:
        return b"" if file is None else file.read_bytes()
    except OSError:
        return b""
