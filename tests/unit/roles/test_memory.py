"""What the agent remembers over a restart: paused services, servers without sessions."""

from pathlib import Path

import pytest

from ground2cloud.rendering.atomic import write_atomic
from ground2cloud.roles.paused import Paused
from ground2cloud.roles.sessions import MEMORY, Sessions


def test_a_paused_service_stays_paused(tmp_path: Path) -> None:
    Paused(tmp_path / "paused.json", write_atomic).add("books")
    again = Paused(tmp_path / "paused.json", write_atomic)
    assert again.names == {"books"}
    again.discard("books")
    assert Paused(tmp_path / "paused.json", write_atomic).names == frozenset()


def test_a_pause_that_can_not_be_remembered_does_not_happen(tmp_path: Path) -> None:
    def full(_path: Path, _text: str) -> None:
        raise OSError(28, "No space left on device")

    paused = Paused(tmp_path / "paused.json", full)
    with pytest.raises(OSError, match="No space"):
        paused.add("books")
    assert paused.names == frozenset()


def test_a_refused_session_is_remembered_for_a_week(tmp_path: Path) -> None:
    now = [1_000_000.0]
    path = tmp_path / "sessions.json"
    Sessions(path, write_atomic, lambda: now[0]).remember("me@host:22")
    again = Sessions(path, write_atomic, lambda: now[0])
    assert again.refuses("me@host:22")
    assert not again.refuses("me@other:22")
    now[0] += MEMORY
    assert not again.refuses("me@host:22")


def test_a_clock_that_was_set_back_forgets_a_refusal(tmp_path: Path) -> None:
    now = [1_000_000.0]
    sessions = Sessions(tmp_path / "sessions.json", write_atomic, lambda: now[0])
    sessions.remember("me@host:22")
    now[0] -= 10
    assert not sessions.refuses("me@host:22")


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b'{"a": "x"}', b"\xff\x00", b"null"])
def test_a_damaged_memory_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "memory.json"
    path.write_bytes(content)
    assert not Sessions(path, write_atomic, lambda: 0.0).refuses("me@host:22")
    assert Paused(path, write_atomic).names == frozenset()
