"""What the light of a path says, of now and of this lane."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from ground2cloud.core.clock import monotonic
from ground2cloud.openssh.forward import Forward
from ground2cloud.roles import report
from ground2cloud.roles.registration.paths import Proof

if TYPE_CHECKING:
    from ground2cloud.roles.lane import Lane

PROBE = Forward("the probe", "127.128.31.72", 11081, "127.0.0.1", 5000)


@dataclass
class Up:
    """What the light needs of a lane that came up 100 s ago."""

    probe: Forward | None = PROBE
    ready_at: float = field(default_factory=lambda: monotonic() - 100)
    failed_at: float | None = None


def light(lane: Up | None, proof: Proof | None, *, ready: bool = True) -> str:
    return report._path_light(cast("Lane | None", lane), "paused", proof, ready=ready).state


@pytest.mark.parametrize(
    ("began", "lasts", "ok", "state"),
    [(-10, 90, True, "up"), (-10, 90, False, "down"), (-80, 70, True, "unknown")],
)
def test_a_proof_counts_for_its_time(began: float, lasts: float, ok: bool, state: str) -> None:  # noqa: FBT001 - from the table
    at = monotonic() + began
    assert light(Up(), Proof(ok, at, at + lasts)) == state


def test_a_proof_of_the_lane_before_says_nothing() -> None:
    at = monotonic() - 101
    assert light(Up(), Proof(ok=True, at=at, until=at + 1000)) == "unknown"


def test_without_a_lane_or_a_probe_there_is_no_proof() -> None:
    now = monotonic()
    proof = Proof(ok=True, at=now, until=now + 90)
    assert light(None, proof) == "unknown"
    assert light(Up(probe=None), proof) == "unknown"
    assert light(Up(), None) == "unknown"
    assert light(Up(), proof, ready=False) == "down"
