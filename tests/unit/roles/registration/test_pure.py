"""What a registered agent decides without asking anyone."""

import msgspec
import pytest
from msgspec.structs import replace

from ground2cloud.backchannel.messages import Endpoint as Told
from ground2cloud.backchannel.messages import HeartbeatAnswer, HeartbeatRequest
from ground2cloud.config.identity import Endpoint, Identity
from ground2cloud.config.model import AgentConfig, Gateway, Kind, Service
from ground2cloud.roles.registration.link import after_heartbeat, say_skew
from ground2cloud.roles.registration.placing import place, placed, slot_of
from ground2cloud.roles.registration.report import heartbeat
from ground2cloud.roles.registration.way import Way
from tests.lab import fake_agent
from tests.unit.config.test_identity import GOOD

APP = Service(name="app", kind=Kind.HTTP, port=8080)
NEW = Service(name="new", kind=Kind.HTTP, port=8081)
A, B, C = (Endpoint(host=name, port=22) for name in "abc")
OLD_KEY, NEW_KEY = (f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{letter * 43}" for letter in "AB")
KEYS = {"id_ed25519": OLD_KEY, "id_ed25519-2": NEW_KEY}


def way(*endpoints: Endpoint) -> Way:
    made = Way()
    made.set(endpoints)
    return made


def test_services_without_a_port_are_left_out() -> None:
    found = placed(AgentConfig(service=(APP, NEW)), GOOD)
    assert found.service == (replace(APP, remote_port=11081, remote_bind="127.0.0.1"),)
    assert placed(AgentConfig(service=(APP, NEW)), None).service == ()
    assert place(NEW, GOOD).remote_port == 0


def test_what_the_file_says_of_a_plain_sshd_stays() -> None:
    config = AgentConfig(gateway=Gateway(host="h"), service=(replace(APP, remote_port=5),))
    assert placed(config, GOOD) is config


def test_each_lane_has_a_slot_and_any_other_the_last() -> None:
    slots = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    assert [slot_of(f"lane{n}", slots) for n in range(1, 5)] == [*slots, slots[0]]
    assert slot_of("doctor", slots) == slots[-1]


def test_the_endpoint_that_worked_is_kept() -> None:
    found = way(A, B)
    assert found.failed(A)
    assert found.current == B
    found.worked()
    found.set((C, B, A))
    assert found.current == B
    found.set((C, A))
    assert found.current == C


def test_every_endpoint_is_tried_once_before_a_rest() -> None:
    found = way(A, B, C)
    assert [found.failed(each) for each in (A, B, C)] == [True, True, False]
    assert found.current == A
    assert found.failed(A), "after the rest they are tried again"


def test_two_lanes_that_fail_at_one_endpoint_go_on_together() -> None:
    found = way(A, B, C)
    assert found.failed(A)
    assert found.failed(A)
    assert found.current == B


def test_one_endpoint_alone_is_no_reason_to_hurry() -> None:
    found = way(A)
    assert not found.failed(A)
    assert found.current == A
    assert not found.failed(None)
    assert not found.failed(B)


def answer(**values: object) -> HeartbeatAnswer:
    return HeartbeatAnswer(next_in=30, **values)  # type: ignore[arg-type] # the fields of the test


def heard(identity: Identity, **values: object) -> Identity:
    return after_heartbeat(identity, answer(**values), lambda name: KEYS.get(name, ""))


def test_a_heartbeat_without_news_changes_nothing() -> None:
    assert heard(GOOD) == GOOD
    assert heard(GOOD, keys=(OLD_KEY,)) == GOOD
    assert heard(GOOD, keys=(NEW_KEY,)) == GOOD, "there is no rotation here"


def test_endpoints_are_taken_over() -> None:
    found = heard(GOOD, endpoints=(Told(host="new.example.com", port=443),))
    assert found.endpoint == (Endpoint(host="new.example.com", port=443),)


@pytest.mark.parametrize(
    ("keys", "settled"),
    [((NEW_KEY,), True), ((OLD_KEY, NEW_KEY), False), ((OLD_KEY,), False), ((), False)],
)
def test_a_rotation_is_settled_when_the_new_key_alone_is_left(
    keys: tuple[str, ...],
    settled: bool,  # noqa: FBT001 - a column of the table
) -> None:
    rotating = replace(GOOD, next_key="id_ed25519-2")
    after = replace(GOOD, key="id_ed25519-2") if settled else rotating
    assert heard(rotating, keys=keys) == after


def test_the_clocks_are_told_from_this_machine_s_side() -> None:
    assert say_skew(90.04) == "this machine's clock is 90.0 s behind the gateway's"
    assert say_skew(-2) == "this machine's clock is 2.0 s ahead of the gateway's"


def test_a_heartbeat_holds_what_status_shows_in_the_limits_of_the_api() -> None:
    bad = "x\x1b[31m\n" * 200
    status = fake_agent.status(
        fake_agent.service("app", application=fake_agent.light("down", detail=bad)),
        lanes=(
            fake_agent.lane(slot="127.0.0.1", last_error=bad, state="backoff"),
            fake_agent.lane(slot=None),
        ),
    )
    made = heartbeat(status, 1.5)
    assert msgspec.json.decode(msgspec.json.encode(made), type=HeartbeatRequest) == made
    assert [lane.slot for lane in made.lanes] == ["127.0.0.1"]
    assert made.services[0].application == "down"
