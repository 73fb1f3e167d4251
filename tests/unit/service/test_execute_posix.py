"""Plans are performed once, and a second time without effect; nothing of a person's is lost."""

import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ground2cloud.errors import Ground2CloudError
from ground2cloud.service.execute import ChangedError, perform, state_of
from ground2cloud.service.plan import (
    Directory,
    Link,
    Own,
    Remove,
    RemoveTree,
    Run,
    Step,
)
from tests.unit.service.examples import sealed

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes, links and sh are POSIX's")


class Told(list[str]):
    """Performs steps and remembers what was said."""

    async def perform(self, *steps: Step, force: bool = False) -> bool:
        self.clear()
        return await perform(steps, self.append, force=force)


@pytest.fixture
def told() -> Told:
    return Told()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def steps(home: Path) -> Sequence[Step]:
    file = sealed(home / "etc/deep/run", mode=0o755)
    link = Link(home / "watched/run", file.path)
    return (file, Directory(home / "state", 0o700), link, Own(file.path, 0o755, "", ""))


async def test_everything_is_made_and_the_second_time_nothing(tmp_path: Path, told: Told) -> None:
    assert await told.perform(*steps(tmp_path))
    assert (tmp_path / "watched/run").read_text().endswith("exec true\n")
    assert mode(tmp_path / "etc/deep/run") == 0o755
    assert mode(tmp_path / "etc/deep") == 0o755
    assert mode(tmp_path / "state") == 0o700
    assert not await told.perform(*steps(tmp_path))
    assert told == []


async def test_a_mode_that_somebody_changed_is_set_right(tmp_path: Path, told: Told) -> None:
    await told.perform(*steps(tmp_path))
    (tmp_path / "state").chmod(0o777)
    assert await told.perform(*steps(tmp_path))
    assert mode(tmp_path / "state") == 0o700


async def test_a_changed_file_is_shown_and_nothing_at_all_is_done(
    tmp_path: Path, told: Told
) -> None:
    first, second = sealed(tmp_path / "a"), sealed(tmp_path / "b")
    second.path.write_text("mine\n")

    with pytest.raises(ChangedError, match="somebody changed it") as caught:
        await told.perform(first, second)

    assert "--force" in caught.value.hint
    assert "-mine" in told
    assert "+exec true" in told
    assert not first.path.exists()
    assert second.path.read_text() == "mine\n"
    assert state_of(second) == "changed"
    assert await told.perform(first, second, force=True)
    assert second.path.read_text() == second.text


async def test_a_file_of_an_earlier_version_is_shown_and_renewed(
    tmp_path: Path, told: Told
) -> None:
    old, new = sealed(tmp_path / "a", "exec old\n"), sealed(tmp_path / "a")
    await told.perform(old)
    assert state_of(new) == "outdated"
    assert await told.perform(new)
    assert "-exec old" in told
    assert state_of(new) == "current"


async def test_only_files_that_nobody_changed_are_removed(tmp_path: Path, told: Told) -> None:
    ours, theirs = sealed(tmp_path / "ours"), tmp_path / "theirs"
    await told.perform(ours)
    theirs.write_text("mine\n")
    plan = (Remove(ours.path), Remove(theirs), Remove(tmp_path / "gone"))
    await told.perform(*plan)
    assert not ours.path.exists()
    assert theirs.exists()
    assert f"kept {theirs}, because somebody changed it (--force removes it too)" in told
    await told.perform(*plan, force=True)
    assert not theirs.exists()


@pytest.mark.parametrize("kind", [Remove, RemoveTree])
async def test_what_another_one_needs_stays(
    tmp_path: Path, told: Told, kind: type[Remove | RemoveTree]
) -> None:
    shared, other = sealed(tmp_path / "shared"), tmp_path / "wants" / "g2c@x"
    await told.perform(shared)
    other.parent.mkdir()
    other.touch()
    pattern = str(tmp_path / "wants" / "g2c@*")
    await told.perform(kind(shared.path, unless=pattern))
    assert shared.path.exists()
    other.unlink()
    await told.perform(kind(shared.path, unless=pattern))
    assert not shared.path.exists()


async def test_a_link_is_led_elsewhere_and_removed_without_its_target(
    tmp_path: Path, told: Told
) -> None:
    file, path = sealed(tmp_path / "file"), tmp_path / "link"
    path.symlink_to("/elsewhere")
    assert await told.perform(file, Link(path, file.path))
    assert path.readlink() == file.path
    await told.perform(Remove(path))
    assert not path.is_symlink()
    assert file.path.exists()


async def test_a_tree_behind_a_link_goes_only_where_systemd_put_it(
    tmp_path: Path, told: Told
) -> None:
    """DynamicUser= makes the state directory a link into `private`; any other link is a link."""
    for target in ("private/state", "precious"):
        (tmp_path / target).mkdir(parents=True)
        (tmp_path / target / "file").touch()
        (tmp_path / "state").symlink_to(target)
        await told.perform(RemoveTree(tmp_path / "state"))
        assert not (tmp_path / "state").is_symlink()
    assert not (tmp_path / "private/state").exists()
    assert (tmp_path / "precious/file").exists()


async def test_a_command_runs_only_where_there_is_something_to_do(
    tmp_path: Path, told: Told
) -> None:
    made = tmp_path / "made"
    command = Run(("touch", str(made)), if_exists=tmp_path / "unit")
    assert not await told.perform(command)
    assert not made.exists()
    (tmp_path / "unit").touch()
    assert not await told.perform(command), "a command is no difference by itself"
    assert made.exists()
    assert told == [f"ran touch {made}"]


async def test_a_command_that_fails_ends_it_with_the_commands_own_words(
    tmp_path: Path, told: Told
) -> None:
    bad = Run(("sh", "-c", "echo no such unit >&2; exit 5"))
    with pytest.raises(Ground2CloudError, match="no such unit"):
        await told.perform(bad, sealed(tmp_path / "later"))
    assert not (tmp_path / "later").exists()
    with pytest.raises(Ground2CloudError, match="it ended with 5"):
        await told.perform(Run(("sh", "-c", "exit 5")))
    with pytest.raises(Ground2CloudError, match="no end after"):
        await told.perform(Run(("sleep", "60"), limit=0.1))
    await told.perform(Run(("false",), may_fail=True))
    assert told == []


async def test_a_command_whose_exit_code_says_too_little_is_judged_by_another(told: Told) -> None:
    await told.perform(Run(("false",), proof=("true",)))
    assert told == ["ran false"]
    with pytest.raises(Ground2CloudError, match="not yet"):
        await told.perform(Run(("sh", "-c", "echo not yet; exit 1"), proof=("false",)))
    await told.perform(Run(("true",), proof=("false",)))
    assert told == ["ran true"]


async def test_a_link_in_the_place_of_the_key_is_not_followed(tmp_path: Path, told: Told) -> None:
    """The directory may be another account's: it must not lead root to /etc/shadow."""
    secret = tmp_path / "secret"
    secret.touch(0o600)
    (tmp_path / "key").symlink_to(secret)
    with pytest.raises(OSError, match="key"):
        await told.perform(Own(tmp_path / "key", 0o644, "", ""))
    assert mode(secret) == 0o600


async def test_an_account_that_is_not_there_is_named(tmp_path: Path, told: Told) -> None:
    with pytest.raises(Ground2CloudError, match="no account nobody-at-all"):
        await told.perform(Directory(tmp_path, 0o755, "nobody-at-all", ""))
    with pytest.raises(Ground2CloudError, match="no group nobody-at-all"):
        await told.perform(Directory(tmp_path, 0o755, "", "nobody-at-all"))
