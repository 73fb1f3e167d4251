"""What the doctor makes of a running agent's status, and where in the chain it puts a trouble."""

import pytest

from ground2cloud.config.model import AgentConfig, Gateway, Kind, Service
from ground2cloud.openssh.verdicts import TABLE
from ground2cloud.roles.doctor.finding import Result
from ground2cloud.roles.doctor.login import BROKEN, STEPS, read_status
from ground2cloud.web.messages import LaneStatus
from tests.lab.fake_agent import lane, status

CONFIG = AgentConfig(
    gateway=Gateway(host="g2c.example.com"),
    service=(Service(name="quickbooks", kind=Kind.HTTP, port=8080, remote_port=11081),),
)


def results(*lanes: LaneStatus) -> list[str]:
    return [str(finding.result) for finding in read_status(CONFIG, status(lanes=lanes))]


def test_ready_lanes_prove_all_of_it() -> None:
    assert results(lane(), lane(name="lane-2")) == ["good", "good", "good"]
    assert [finding.step for finding in read_status(CONFIG, status())] == list(STEPS)
    assert "127.0.0.1:11081" in read_status(CONFIG, status())[-1].message


def test_what_comes_before_the_broken_link_holds_and_what_comes_after_is_not_tried() -> None:
    denied = lane(state="blocked", reason="permission-denied", last_error="no", hint="add the key")
    assert results(lane(), denied) == ["good", "bad", "unknown"]
    finding = read_status(CONFIG, status(lanes=(denied,)))[1]
    assert (finding.message, finding.hint) == ("no", "add the key")


def test_a_trouble_that_does_not_tell_how_far_it_came_proves_nothing() -> None:
    assert results(lane(state="backoff", reason="link-dead")) == ["bad", "unknown", "unknown"]
    assert results(lane(state="starting", reason="")) == ["bad", "unknown", "unknown"]


def test_a_lane_without_an_error_yet_is_told_by_its_state() -> None:
    found = read_status(CONFIG, status(lanes=(lane(state="starting", last_error=None),)))
    assert found[0].message == "the running agent is not through yet (starting)"


def test_with_every_service_paused_nothing_can_be_said() -> None:
    assert results() == ["unknown", "unknown", "unknown"]


@pytest.mark.parametrize("reason", sorted(BROKEN))
def test_every_reason_that_is_placed_is_one_that_ssh_can_give(reason: str) -> None:
    assert reason in {row.reason for row in TABLE}
    assert BROKEN[reason] in STEPS
    assert Result.BAD in results(lane(state="backoff", reason=reason))
