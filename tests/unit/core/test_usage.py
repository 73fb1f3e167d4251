"""What a process uses, as two who look at once are told it."""

import os

import pytest

from ground2cloud.core import usage
from ground2cloud.core.usage import SPAN, Meter


def _share(meter: Meter) -> float | None:
    seen = meter.look()
    assert seen is not None
    return seen.cpu_percent


def test_who_looks_often_is_told_the_share_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(usage, "monotonic", lambda: now)
    meter = Meter(os.getpid())
    told = []
    for _ in range(12):
        told.append(_share(meter))
        now += SPAN / 4
    assert told[:4] == [None] * 4
    assert None not in told[4:]
    assert len(set(told[4:8])) == 1, "one span, one share"


def test_the_share_is_of_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(usage, "monotonic", lambda: now)
    meter = Meter(os.getpid())
    assert _share(meter) is None
    before = sum(os.times()[:2])
    while sum(os.times()[:2]) - before < 0.1:
        pass
    now += 0.2
    share = _share(meter)
    assert share is not None
    assert 45 <= share <= 75
