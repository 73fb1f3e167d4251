"""A file is written whole, or not at all, and only when it changes."""

from pathlib import Path

import pytest

from ground2cloud.rendering.atomic import make_private_directory, write_atomic


def test_a_new_file_gets_its_content_and_its_directories(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "ssh_config"
    assert write_atomic(file, "Host *\n")
    assert file.read_bytes() == b"Host *\n"


@pytest.mark.parametrize("content", ["é\N{SNOWMAN}\r\n\n", "", b"\0\xff\r\n"])
def test_the_content_is_written_to_the_byte(tmp_path: Path, content: str | bytes) -> None:
    write_atomic(tmp_path / "f", content)
    expected = content.encode() if isinstance(content, str) else content
    assert (tmp_path / "f").read_bytes() == expected


def test_a_changed_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    file = tmp_path / "f"
    assert write_atomic(file, "one")
    assert write_atomic(file, "two")
    assert file.read_text() == "two"


def test_an_unchanged_content_is_not_written_again(tmp_path: Path) -> None:
    file = tmp_path / "f"
    write_atomic(file, "same")
    before = file.stat()
    assert not write_atomic(file, b"same")
    after = file.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_failure_leaves_the_old_and_nothing_else(tmp_path: Path) -> None:
    """A directory can't be replaced by a file."""
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "inside").touch()
    with pytest.raises(OSError, match="f"):
        write_atomic(tmp_path / "f", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f" / "inside").exists()


def test_text_that_can_not_be_encoded_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_atomic(tmp_path / "f", "\udcff")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_of_a_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(OSError, match="a"):
        write_atomic(tmp_path / "a" / "b", "x")
    with pytest.raises(OSError, match="a"):
        make_private_directory(tmp_path / "a")


def test_a_long_name_is_no_trouble_for_the_temporary_one(tmp_path: Path) -> None:
    name = "\N{SNOWMAN}" * 80  # 240 bytes of the 255 that a name may have
    assert write_atomic(tmp_path / name, "x")
