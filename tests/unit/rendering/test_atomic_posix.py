"""Modes, links and full disks, as POSIX systems have them."""

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ground2cloud.rendering.atomic import make_private_directory, write_atomic

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes and links of POSIX")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_and_its_directories_are_private(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a" / "b" / "f", "x")
    assert mode(tmp_path / "a" / "b" / "f") == 0o600
    assert mode(tmp_path / "a" / "b") == mode(tmp_path / "a") == 0o700


def test_the_mode_is_the_one_asked_for_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_atomic(tmp_path / "f", "x", mode=0o644)
    finally:
        os.umask(before)
    assert mode(tmp_path / "f") == 0o644


def test_an_existing_directory_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir(mode=0o755)
    (tmp_path / "d").chmod(0o755)
    make_private_directory(tmp_path / "d")
    write_atomic(tmp_path / "d" / "f", "x")
    assert mode(tmp_path / "d") == 0o755


def test_the_mode_of_an_unchanged_file_is_mended(tmp_path: Path) -> None:
    file = tmp_path / "f"
    write_atomic(file, "x")
    file.chmod(0o644)
    assert not write_atomic(file, "x")
    assert mode(file) == 0o600


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    """Also when the target has the very content, of the very length that the link has."""
    target, link = tmp_path / "target", tmp_path / "link"
    content = "x" * len(str(target))
    target.write_text(content)
    link.symlink_to(target)
    assert write_atomic(link, content)
    assert not link.is_symlink()
    assert write_atomic(link, "y")
    assert target.read_text() == content


def test_a_full_disk_is_an_error_that_leaves_the_old_file(tmp_path: Path) -> None:
    """The limit on a file's size stands in for the full disk: the same write fails."""
    file = tmp_path / "f"
    write_atomic(file, "old")
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from ground2cloud.rendering.atomic import write_atomic\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_atomic(Path(sys.argv[1]), 'x' * 5000)\n"
        "except OSError as error: print(error.errno)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, file], capture_output=True, text=True, check=True, timeout=30
    )
    assert ended.stdout == f"{errno.EFBIG}\n"
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_reader_sees_the_old_or_the_new_and_never_a_part(tmp_path: Path) -> None:
    file = tmp_path / "f"
    contents = [b"a" * 200_000, b"b" * 200_000]
    write_atomic(file, contents[0])
    seen: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(file.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(40):
        write_atomic(file, contents[(number + 1) % 2])
    done.set()
    reader.join()
    assert seen <= set(contents)
    assert os.listdir(tmp_path) == ["f"]  # noqa: PTH208 - names only
