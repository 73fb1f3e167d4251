"""Nobody fills the disk with what can be done again and again, and what is left out is told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ground2cloud.openssh.sshd.events import Denied, Refused
from ground2cloud.registry.audit import Audit
from ground2cloud.roles.gateway.doorkeeper import Doorkeeper
from ground2cloud.roles.gateway.noting import RECORDS, Notes

OFTEN = 10 * int(RECORDS.burst)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


def records(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("ascii").splitlines()]


def test_of_what_one_does_too_often_a_part_is_written_and_the_rest_is_counted(file: Path) -> None:
    notes = Notes(Audit(file))
    for number in range(OFTEN):
        notes.write(1001, "claim", number=number)
    written = records(file)
    assert RECORDS.burst <= len(written) < OFTEN / 2
    notes.write(1002, "claim", number=OFTEN)
    notes.write(1002, "claim", number=OFTEN + 1)
    found = records(file)
    told = sum(record.get("left_out", 0) for record in found)
    assert told == OFTEN - sum(record["number"] < OFTEN for record in found)
    assert "left_out" not in found[-1]


def test_what_is_left_out_is_told_although_the_disk_was_full_in_between(file: Path) -> None:
    notes = Notes(Audit(file))
    for _ in range(OFTEN):
        notes.write(1001, "claim")
    left_out = OFTEN - len(records(file))
    file.rename(file.with_name("before"))
    file.mkdir()
    notes.write(1002, "claim")
    file.rmdir()
    notes.write(1003, "claim")
    assert records(file)[-1]["left_out"] >= left_out - 2


NEW = [f"2001:db8::{number:x}" for number in range(OFTEN)]


@pytest.mark.parametrize(
    "event",
    [
        lambda source: Refused(fingerprint="", source=source),
        lambda source: Denied(what="listen", source=source, place="0.0.0.0:80"),
    ],
    ids=["login", "forward"],
)
def test_who_has_a_whole_network_of_addresses_is_one(
    file: Path, event: Callable[[str], object]
) -> None:
    other: Any = None
    keeper = Doorkeeper(other, other, other, other, reports=other, audit=Audit(file))
    for source in NEW:
        keeper.hear(event(source))
    assert RECORDS.burst <= len(records(file)) < OFTEN / 2
