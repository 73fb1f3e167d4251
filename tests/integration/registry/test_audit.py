"""The audit log: appended to, private, never in the way, and honest about what it lost."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ground2cloud.registry.audit import LONGEST, Audit
from tests.lab.registering import NOW


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def records(path: Path) -> list[dict[str, Any]]:
    text = path.read_text("ascii")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_a_record_says_when_and_what(path: Path) -> None:
    audit = Audit(path)
    assert audit.write("registered", NOW, registration=1001, services=("web",), address="::1")
    assert audit.write("revoked", NOW + 1.5, registration=1001)
    assert records(path) == [
        {
            "at": "2026-11-18T11:06:40.000Z",
            "act": "registered",
            "registration": 1001,
            "services": ["web"],
            "address": "::1",
        },
        {"at": "2026-11-18T11:06:41.500Z", "act": "revoked", "registration": 1001},
    ]


def test_it_is_its_owners_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        Audit(path).write("started", NOW)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_text_can_end_a_line_act_on_a_terminal_or_fill_the_disk(path: Path) -> None:
    text = 'a\n{"act":"forged"}\x1b[2J\u2028\udce9\0'
    audit = Audit(path)
    audit.write("refused", NOW, name=text, message="x" * 10**6)
    (found,) = records(path)
    assert found["name"] == text
    assert found["message"] == "x" * LONGEST
    assert path.read_text("ascii").rstrip("\n").isprintable()


def test_several_processes_may_write_it(path: Path) -> None:
    code = f"""if True:
        from pathlib import Path
        from ground2cloud.registry.audit import Audit
        audit = Audit(Path({str(path)!r}))
        for number in range(500):
            assert audit.write("claim", {NOW}, number=number, filler="x" * 200)
        """
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert sorted(record["number"] for record in records(path)) == sorted([*range(500)] * 3)


def test_whoever_rotates_it_needs_to_tell_nobody(path: Path) -> None:
    audit = Audit(path)
    audit.write("one", NOW)
    path.rename(path.with_suffix(".1"))
    audit.write("two", NOW)
    assert [record["act"] for record in records(path)] == ["two"]


def test_a_line_without_end_is_left_as_it_is_and_ended(path: Path) -> None:
    path.write_text('{"act":"to')
    Audit(path).write("one", NOW)
    torn, whole = path.read_text().splitlines()
    assert torn == '{"act":"to'
    assert json.loads(whole)["act"] == "one"


def test_what_a_full_disk_cost_is_told_when_there_is_room_again(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.symlink_to("/dev/full")
    audit = Audit(path)
    for number in range(3):
        assert not audit.write("claim", NOW + number)
        assert audit.trouble == f"the audit log {path} can't be written: No space left on device"
    path.unlink()
    assert audit.write("claim", NOW + 9)
    assert audit.trouble is None
    lost, claim = records(path)
    assert lost == {
        "at": "2026-11-18T11:06:49.000Z",
        "act": "audit-lost",
        "lost": 3,
        "since": "2026-11-18T11:06:40.000Z",
    }
    assert claim["act"] == "claim"
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_a_record_that_found_no_whole_room_is_lost_and_harms_no_other(path: Path) -> None:
    """The limit of a file's size stands for the disk's end: it writes a part, as a disk does."""
    code = f"""if True:
        import resource
        from pathlib import Path
        from ground2cloud.registry.audit import Audit
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        audit = Audit(Path({str(path)!r}))
        print([audit.write("claim", {NOW}, number=number) for number in range(30)].count(False))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        assert audit.write("end", {NOW})
        """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lost = int(done.stdout)
    assert lost > 10
    lines = path.read_text().splitlines()
    whole = [json.loads(line) for line in lines if line.endswith("}")]
    assert len(lines) == len(whole) + 1
    assert [record["number"] for record in whole[:-2]] == list(range(30 - lost))
    assert [record["act"] for record in whole[-2:]] == ["audit-lost", "end"]
    assert whole[-2]["lost"] == lost


def test_a_record_that_is_lost_is_counted_once(path: Path) -> None:
    """There may be room for the line that counts what is lost, and none for the record after it."""
    code = f"""if True:
        import resource
        from pathlib import Path
        from ground2cloud.registry.audit import Audit
        def limit(size):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        path = Path({str(path)!r})
        audit = Audit(path)
        assert audit.write("begin", {NOW})
        for size in (0, 200, 200):
            limit(path.stat().st_size + size)
            assert not audit.write("claim", {NOW}, filler="x" * 500)
        limit(resource.RLIM_INFINITY)
        assert audit.write("end", {NOW})
        """
    subprocess.run([sys.executable, "-c", code], check=True)
    whole = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    assert [record["act"] for record in (whole[0], whole[-1])] == ["begin", "end"]
    lost = [record["lost"] for record in whole if record["act"] == "audit-lost"]
    assert len(lost) > 1, "nothing was tried"
    assert sum(lost) == 3


def test_a_directory_that_is_not_there_costs_records_only(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "missing" / "audit.jsonl")
    assert not audit.write("one", NOW)
    (tmp_path / "missing").mkdir()
    assert audit.write("two", NOW)


def rotated(path: Path) -> list[Path]:
    """The files that were full, the oldest first."""
    return sorted(each for each in path.parent.iterdir() if each != path)


def test_a_full_file_is_renamed_and_no_record_is_lost(path: Path) -> None:
    """A command that writes at the same time renames nothing, and need not know of it."""
    gateway, command = Audit(path), Audit(path)
    gateway.bound(max_size=2000, keep=1000)
    for number in range(300):
        assert (command if number % 3 else gateway).write("act", NOW + number, number=number)
    files = [*rotated(path), path]
    assert len(files) > 5
    assert [record["number"] for file in files for record in records(file)] == list(range(300))
    assert all(file.stat().st_size < 4000 for file in files)
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert re.fullmatch(r"audit\.jsonl\.2026\d{4}T\d{6}\.\d{3}Z", files[0].name)


def test_a_renamed_file_is_never_changed_and_the_oldest_is_removed_as_a_whole(path: Path) -> None:
    audit = Audit(path)
    audit.bound(max_size=500, keep=3)
    others = [path.with_name(f"{path.name}.{end}") for end in ("1", "gz", "old")]
    for other in others:
        other.write_text("somebody else's")
    seen: dict[Path, str] = {}
    for number in range(200):
        audit.write("act", NOW + number, number=number)
        for file in set(rotated(path)) - set(others):
            assert seen.setdefault(file, file.read_text()) == file.read_text()
    assert len(seen) > 10
    assert rotated(path) == sorted([*others, *sorted(seen)[-3:]])


def test_many_records_of_one_moment_are_rotated_a_moment_later(path: Path) -> None:
    """The names of two files would be the same, and one would take the other's place."""
    audit = Audit(path)
    audit.bound(max_size=500, keep=10)
    for number in range(50):
        audit.write("act", NOW, number=number)
    assert len(rotated(path)) == 1
    audit.write("act", NOW + 1, number=50)
    files = [*rotated(path), path]
    assert [record["number"] for file in files for record in records(file)] == list(range(51))
