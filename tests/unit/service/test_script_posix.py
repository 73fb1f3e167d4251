"""What is printed for a person without rights does what the program would have done."""

import subprocess
import sys
from pathlib import Path

import pytest

from ground2cloud.service.execute import perform
from ground2cloud.service.plan import (
    Directory,
    Link,
    Remove,
    RemoveTree,
    Run,
    Step,
)
from ground2cloud.service.script import script
from tests.unit.service.examples import sealed

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it is a script for sh")

TRICKY = "a 'quoted' $HOME `id` \\ line\nEND\n\n  indented\n"


def plan(home: Path) -> tuple[Step, ...]:
    file = sealed(home / "my files" / "it's", TRICKY, mode=0o750)
    return (
        file,
        Directory(home / "state dir", 0o710),
        Link(home / "link", file.path),
        Run(("touch", str(home / "ran $1"))),
        Run(("touch", str(home / "not run")), if_exists=home / "nothing"),
        Run(("false",), may_fail=True),
    )


def end(home: Path) -> tuple[Step, ...]:
    return (
        Remove(home / "link", unless=str(home / "none*")),
        RemoveTree(home / "state dir"),
        Remove(home / "ran $1", unless=str(home / "my*")),
    )


def sh(*steps: Step) -> None:
    lines = [line for step in steps for line in script(step)]
    subprocess.run(["sh", "-eu"], input="\n".join(lines), text=True, check=True, timeout=30)


def contents(home: Path) -> dict[str, tuple[int, str]]:
    found = {}
    for path in sorted(home.rglob("*")):
        text = path.read_text() if path.is_file() else ""
        found[str(path.relative_to(home))] = (path.lstat().st_mode, text)
    return found


async def test_both_ways_lead_to_the_same(tmp_path: Path) -> None:
    by_hand, by_itself = tmp_path / "hand", tmp_path / "self"
    for home in (by_hand, by_itself):
        home.mkdir()
    sh(*plan(by_hand))
    await perform(plan(by_itself), str)
    assert contents(by_hand) == contents(by_itself)
    assert "ran $1" in contents(by_hand)
    assert contents(by_hand)["link"][1].endswith(TRICKY)
    sh(*plan(by_hand))  # twice is as good as once
    sh(*end(by_hand))
    await perform(end(by_itself), str)
    assert contents(by_hand) == contents(by_itself)
    assert set(contents(by_hand)) == {"my files", "my files/it's", "ran $1"}
