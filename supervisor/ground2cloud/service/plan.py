"""What has to be done to install or remove a service, as data: nothing here does anything.

A manager (`managers/`) describes one `Service`; from that come the steps of an installation, of a
removal and of a purge. `execute` performs steps, `shell` writes them as commands for a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Account:
    """There is a system account of this name, without a password or a shell, and its group."""

    name: str
    home: Path


@dataclass(frozen=True, slots=True)
class Directory:
    """There is a directory with this owner, group and mode. Empty names: those of who installs."""

    path: Path
    mode: int = 0o755
    owner: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Own:
    """A file has this owner, group and mode, if it is there."""

    path: Path
    mode: int
    owner: str
    group: str


@dataclass(frozen=True, slots=True)
class File:
    """There is a file with this text; directories above it that are missing get 0755."""

    path: Path
    text: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Link:
    """There is a symbolic link at `path`, and it leads to `target`."""

    path: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Run:
    """A command is run to its end, and must end with 0.

    `if_exists` names a file without which there is nothing to do. `may_fail` says that its failure
    means that there was nothing to do. `proof` is another command: where its exit code says too
    little, what counts is that this one ends with 0. `limit` is in seconds.
    """

    argv: tuple[str, ...]
    if_exists: Path | None = None
    may_fail: bool = False
    proof: tuple[str, ...] = ()
    limit: float = 100.0


@dataclass(frozen=True, slots=True)
class Remove:
    """A file or a link is gone: one that was installed, and that nobody changed since.

    It stays as long as anything fits the pattern `unless` (as in `glob`): another service needs it.
    """

    path: Path
    unless: str = ""


@dataclass(frozen=True, slots=True)
class RemoveTree:
    """A file, or a directory with everything in it, is gone, whoever wrote it."""

    path: Path
    unless: str = ""


@dataclass(frozen=True, slots=True)
class RemoveAccount:
    """The account and its group are gone."""

    name: str
    unless: str = ""


Step = Account | Directory | Own | File | Link | Run | Remove | RemoveTree | RemoveAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Everything that one manager does for one service.

    Attributes:
        unit: what the manager calls the service.
        files: what is written, and what `service print` shows.
        prepare: account, directories, owners; after the files.
        register: make the manager know the files, and start the service with the machine.
        start: start it; nothing if it runs. `restart`: take up changed files; start it if it stood.
        stop: end it, and start it no more with the machine; before the files go.
        unregister: after the files are gone.
        status: the command whose output and exit code (0: it runs) `service status` shows.
        shared: files that other services use too, each with the pattern of `Remove.unless`.
        purge: what else goes with `--purge`: configuration, identity, logs, account.
        extras: files that are not installed but may be printed, as a start for one's own.
        advice: what a person does with the service, in words, and the command for it.
        administrator: whether all this takes root's or an administrator's rights.
    """

    unit: str
    files: tuple[File, ...] = ()
    prepare: tuple[Step, ...] = ()
    register: tuple[Step, ...]
    start: Run
    restart: Run
    stop: tuple[Step, ...]
    unregister: tuple[Step, ...] = ()
    status: Run
    shared: Mapping[Path, str] = field(default_factory=dict)
    purge: tuple[Step, ...] = ()
    extras: tuple[File, ...] = ()
    advice: Mapping[str, str] = field(default_factory=dict)
    administrator: bool = True


def install(service: Service) -> tuple[Step, ...]:
    """The steps that install a service, all but its start."""
    return (*service.files, *service.prepare, *service.register)


def uninstall(service: Service, *, purge: bool = False) -> tuple[Step, ...]:
    """The steps that remove a service; only with `purge` also what it must not lose by mistake."""
    # What is shared looks whether others are left: after our own things are gone.
    removed = (
        Remove(file.path, service.shared.get(file.path, "")) for file in reversed(service.files)
    )
    return (*service.stop, *(service.purge if purge else ()), *removed, *service.unregister)
