"""Where lanes listen for probes, and what the light of a path makes of what came of them."""

from dataclasses import replace

import pytest

from ground2cloud.core.clock import monotonic
from ground2cloud.roles.gateway.derive import key_grants
from ground2cloud.roles.gateway.paths import Proof, place
from ground2cloud.roles.gateway.report import Seen, agent_view
from ground2cloud.roles.gateway.reports import Reports
from ground2cloud.web.messages import Light
from tests.unit.gateway.test_derive import MINE

FIRST, SECOND = MINE.slots[:2]


def test_every_slot_of_every_registration_has_a_place_of_its_own() -> None:
    agents = [replace(MINE, id=identity) for identity in (1, 1001, 1002, 999_999)]
    places = [place(agent, slot) for agent in agents for slot in agent.slots]
    assert None not in places
    assert len({each.address for each in places if each is not None}) == len(places)
    assert all(int(each.address.split(".")[1]) >= 128 for each in places if each is not None)


def test_there_is_no_place_without_services_or_beyond_the_addresses() -> None:
    assert place(replace(MINE, services=()), FIRST) is None
    assert place(replace(MINE, id=2**20), FIRST) is None
    assert place(replace(MINE, id=2**31 - 1), FIRST) is None
    with pytest.raises(ValueError, match="not in tuple"):
        place(MINE, "127.0.0.9")


def test_a_key_may_listen_there() -> None:
    [grant] = key_grants(MINE)
    places = [place(MINE, slot) for slot in MINE.slots]
    assert grant.probes == tuple(f"{at.address}:{at.port}" for at in places if at is not None)


def light(*proofs: tuple[str, Proof], up: dict[str, float], silent_after: float = 90.0) -> Light:
    service = MINE.services[0]
    seen = Seen(
        since={(slot, service.port): since for slot, since in up.items()},
        sessions={},
        reports={},
        proofs={MINE.id: dict(proofs)},
        silent_after=silent_after,
    )
    return agent_view(MINE, seen).services[0].lights.path


def test_the_light_of_a_path() -> None:
    now = monotonic()
    good, bad = Proof(ok=True, at=now - 1), Proof(ok=False, at=now, detail="why")
    assert light((FIRST, good), up={}).state == "down"
    assert light(up={FIRST: now}).state == "unknown"
    assert light((FIRST, good), up={FIRST: now - 5}).state == "up"
    assert light((FIRST, bad), up={FIRST: now - 5}).detail == "why"
    assert light((FIRST, good), (SECOND, bad), up={FIRST: now - 5}).state == "up"
    assert light((FIRST, good), (SECOND, bad), up={FIRST: now - 5, SECOND: now - 5}).state == "down"


def test_a_proof_is_of_its_own_lane_and_of_now() -> None:
    now = monotonic()
    old = Proof(ok=True, at=now - 30)
    assert light((FIRST, old), up={FIRST: now - 10}).state == "unknown"
    assert light((FIRST, old), up={FIRST: now - 29}).state == "up", "seen late"
    told = light((FIRST, old), up={FIRST: now - 60}, silent_after=20)
    assert (told.state, told.detail) == ("unknown", "its agent has not asked for a proof lately")


def test_agents_that_come_seldom_are_not_silent() -> None:
    reports = Reports()
    assert reports.silent_after(10) == 90
    assert reports.silent_after(10_000) == 3 * reports.next_in(10_000) == 1200
