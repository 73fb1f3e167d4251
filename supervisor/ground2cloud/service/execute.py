"""Perform a plan: first look what is there, then change only what is different.

Twice is as good as once. Nothing is performed when a file that a person changed would be lost.
"""

import difflib
import glob
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import assert_never

from ground2cloud.core import oneshot
from ground2cloud.errors import Ground2CloudError
from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.service import system
from ground2cloud.service.plan import (
    Account,
    Directory,
    File,
    Link,
    Own,
    Remove,
    RemoveAccount,
    RemoveTree,
    Run,
    Step,
)
from ground2cloud.service.seal import is_sealed

Say = Callable[[str], object]
"""Tells a person what was done, in one line."""


class ChangedError(Ground2CloudError):
    """A file that somebody changed is in the way."""


def difference(file: File) -> list[str]:
    """Show how the file on the disk would change, as a unified diff; no line if it would not."""
    before = _text(file.path)
    if before == file.text:
        return []
    old = before.splitlines() if before is not None else []
    names = (str(file.path) if before is not None else "(no file)", f"{file.path} (new)")
    return list(difflib.unified_diff(old, file.text.splitlines(), *names, lineterm=""))


def state_of(file: File) -> str:
    """Say how the file on the disk is against the one that would be written.

    `missing`, `current`, `outdated` (another version wrote it), or `changed` (somebody did).
    """
    found = _text(file.path)
    if found is None:
        return "missing"
    if found == file.text:
        return "current"
    return "outdated" if is_sealed(found) else "changed"


async def perform(steps: Sequence[Step], say: Say, *, force: bool = False) -> bool:
    """Perform all steps in their order; answer whether anything but commands made a difference.

    Args:
        steps: what has to be done.
        say: told of each difference.
        force: write over and remove files that somebody changed.

    Raises:
        ChangedError: a file was changed by somebody; nothing was performed.
        Ground2CloudError: a command failed; what came before it is done.
        OSError: a file can't be written.
    """
    files = [step for step in steps if isinstance(step, File)]
    changed = [file for file in files if state_of(file) == "changed"]
    for file in files:
        if state_of(file) in {"changed", "outdated"}:
            for line in difference(file):
                say(line)
    if changed and not force:
        names = ", ".join(str(file.path) for file in changed)
        raise ChangedError(
            f"not written over, because somebody changed it: {names}",
            "keep your changes elsewhere (systemd: in a drop-in); then --force writes over it",
        )
    differs = False
    for step in steps:
        if (done := await _do(step, force=force)) is not None:
            say(done)
            differs = differs or not isinstance(step, Run)
    return differs


async def _do(step: Step, *, force: bool) -> str | None:  # noqa: PLR0911 - one for each step
    """Perform a step; say what was done, None if nothing had to be."""
    match step:
        case Account():
            return await _create(step)
        case Directory():
            return _make_directory(step)
        case Own():
            given = step.path.exists() and system.give(step.path, step.mode, step.owner, step.group)
            return f"gave {step.path} to {step.owner}:{step.group}" if given else None
        case File():
            return _write(step)
        case Link():
            return _link(step)
        case Run():
            return await _command(step)
        case Remove():
            return _remove(step, force=force)
        case RemoveTree():
            return _remove_tree(step)
        case RemoveAccount():
            return await _remove_account(step)
        case _:
            assert_never(step)


async def _create(step: Account) -> str | None:
    argv = system.create_account(step.name, step.home)
    return await _command(Run(argv)) if argv else None


async def _remove_account(step: RemoveAccount) -> str | None:
    commands = [] if _fits(step.unless) else system.remove_account(step.name)
    for argv in commands:
        await _command(Run(argv))
    return f"removed the account {step.name}" if commands else None


def _make_directory(step: Directory) -> str | None:
    new = not step.path.is_dir()
    _make_parents(step.path.parent)
    step.path.mkdir(exist_ok=True)
    given = system.give(step.path, step.mode, step.owner, step.group)
    return f"{'made' if new else 'set the owner of'} {step.path}" if new or given else None


def _make_parents(directory: Path) -> None:
    """Make what is missing, passable for everyone, whatever the umask."""
    if not directory.is_dir():
        _make_parents(directory.parent)
        directory.mkdir()
        directory.chmod(0o755)


def _write(step: File) -> str | None:
    _make_parents(step.path.parent)
    return f"wrote {step.path}" if write_atomic(step.path, step.text, mode=step.mode) else None


def _link(step: Link) -> str | None:
    if step.path.is_symlink():
        if step.path.readlink() == step.target:
            return None
        step.path.unlink()
    _make_parents(step.path.parent)
    step.path.symlink_to(step.target)
    return f"linked {step.path} to {step.target}"


async def _command(step: Run) -> str | None:
    if step.if_exists is not None and not step.if_exists.exists():
        return None
    ended = await oneshot.run(step.argv, timeout=step.limit)
    command = system.quote(step.argv)
    if ended.ok or await _proven(step):
        return f"ran {command}"
    if step.may_fail:
        return None
    words = (ended.err or ended.out).strip() or f"it ended with {ended.code}"
    raise Ground2CloudError(f"{command}: {words}")


async def _proven(step: Run) -> bool:
    return bool(step.proof) and (await oneshot.run(step.proof, timeout=step.limit)).ok


def _remove(step: Remove, *, force: bool) -> str | None:
    if _fits(step.unless) or not (step.path.is_symlink() or step.path.exists()):
        return None
    text = None if step.path.is_symlink() else _text(step.path)
    if text is not None and not is_sealed(text) and not force:
        return f"kept {step.path}, because somebody changed it (--force removes it too)"
    step.path.unlink()
    return f"removed {step.path}"


def _remove_tree(step: RemoveTree) -> str | None:
    path = step.path
    if _fits(step.unless) or not (path.is_symlink() or path.exists()):
        return None
    if path.is_symlink():
        # systemd's DynamicUser= puts a link in the place of a directory.
        private = path.parent / "private" / path.name
        if path.resolve() == private:
            shutil.rmtree(private, ignore_errors=True)
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    return f"removed {path}"


def _fits(pattern: str) -> bool:
    return bool(pattern) and bool(glob.glob(pattern))  # noqa: PTH207 - the pattern is absolute


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return None
