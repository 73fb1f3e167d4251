"""The way through links, compared with what the operating system makes of the same path."""

import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground2cloud.reload.route import route

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")

names = st.sampled_from(["a", "b", "c"])
paths = st.lists(names | st.just(".."), min_size=1, max_size=4).map("/".join)
trees = st.lists(st.tuples(st.sampled_from(["file", "directory", "link", "root"]), paths, paths))


def plant(root: Path, tree: list[tuple[str, str, str]]) -> None:
    """Make what can be made of the tree; links may lead nowhere, in circles, or up."""
    for kind, name, target in tree:
        path = root / name
        try:
            if path.is_symlink() or not path.parent.resolve().is_relative_to(root):
                continue  # made nowhere but here
            match kind:
                case "file":
                    path.touch()
                case "directory":
                    path.mkdir()
                case "link":
                    path.symlink_to(target)
                case _:
                    path.symlink_to(root / target)
        except (OSError, RuntimeError):  # RuntimeError: a circle
            continue


@settings(deadline=None, max_examples=100)
@given(tree=trees, path=paths)
def test_the_way_ends_where_the_system_ends(tree: list[tuple[str, str, str]], path: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        plant(root, tree)
        entries = route(root / path)
        assert all(Path(os.path.realpath(entry.parent)) == entry.parent for entry in entries)
        try:
            (root / path).stat()
        except OSError:  # missing, no directory, a circle
            assert entries
        else:
            real = (root / path).resolve()
            assert real in entries
            assert all(entry == real or entry.is_symlink() for entry in entries)


def test_every_link_on_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "agent.toml").touch()
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "agent.toml").symlink_to("..data/agent.toml")
    assert route(tmp_path / "agent.toml") == {
        tmp_path / "agent.toml",
        tmp_path / "..data",
        tmp_path / "..2026" / "agent.toml",
    }


def test_the_way_ends_at_the_first_missing_name(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone/for/good")
    assert route(tmp_path / "link" / "etc") == {tmp_path / "link", tmp_path / "gone"}
