"""Heartbeat: the time there and back, and what silence means."""

import pytest

from ground2cloud.core.heartbeat import Heartbeat


def test_the_round_trip_is_the_time_between_a_beat_and_its_echo() -> None:
    heart = Heartbeat()
    beat = heart.beat(10.0)
    assert heart.heard(beat[:5], 10.1) is False
    assert heart.heard(beat[5:], 10.25) is True
    assert heart.round_trip == pytest.approx(0.25)
    assert heart.answered_at == 10.25


def test_a_child_that_never_echoed_owes_nothing() -> None:
    heart = Heartbeat()
    heart.beat(0.0)
    heart.beat(5.0)
    assert heart.silent_for(1000.0) == 0.0


def test_a_child_that_stopped_echoing_is_silent_since_the_first_unanswered_beat() -> None:
    heart = Heartbeat()
    heart.heard(heart.beat(0.0), 0.1)
    heart.beat(5.0)
    heart.beat(10.0)
    assert heart.silent_for(20.0) == 15.0


def test_noise_and_old_echoes_are_no_answer() -> None:
    heart = Heartbeat()
    first = heart.beat(0.0)
    heart.heard(first, 0.1)
    heart.beat(5.0)
    assert heart.heard(b"Last login: yesterday\n" + first, 6.0) is False
    assert heart.silent_for(7.0) == 2.0
