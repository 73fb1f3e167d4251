"""What the gateway's desk does with a registry that is changed meanwhile, or is away."""

import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ground2cloud.backchannel import messages
from ground2cloud.backchannel.errors import RefusedError, Slug
from ground2cloud.backchannel.messages import Caller
from ground2cloud.core.clock import wall
from ground2cloud.registry.database import sqlite_url
from ground2cloud.registry.errors import RegistryError
from ground2cloud.registry.records import Invite, Registration
from ground2cloud.registry.store import Registry
from ground2cloud.registry.tokens import digest
from ground2cloud.roles.gateway.desk import CHANGES
from ground2cloud.roles.gateway.noting import RECORDS
from tests.lab.real_desk import RealDesk, asking
from tests.lab.registering import enter, make_invite, make_key
from tests.lab.registry_rows import dump

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a gateway runs on Linux")

SLOT = "127.0.0.1"
CALLS: dict[str, Callable[[RealDesk, Caller], Awaitable[object]]] = {
    "services": lambda it, who: it.set_services(who, messages.ServicesRequest(services=())),
    "the same services": lambda it, who: it.set_services(
        who,
        messages.ServicesRequest(services=(messages.WantedService(name="web", kind="http"),)),  # type: ignore[arg-type] # as decoded
    ),
    "claim": lambda it, who: it.claim(who, SLOT, messages.ClaimRequest()),
    "heartbeat": lambda it, who: it.heartbeat(
        who, messages.HeartbeatRequest(version="1", time=0.0)
    ),
    "probe": lambda it, who: it.probe(who, messages.ProbeRequest(slot=SLOT, nonce="n" * 8)),
    "key": lambda it, who: it.propose_key(who, messages.KeyRequest(key=make_key("next"))),
    "the present key": lambda it, who: it.propose_key(
        who, messages.KeyRequest(key=it.known(who).key)
    ),
    "unregister": lambda it, who: it.unregister(who),
}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with closing(Registry(sqlite_url(tmp_path / "registry.db"))) as made:
        yield made


@pytest.fixture
def desk(registry: Registry, tmp_path: Path) -> RealDesk:
    return RealDesk(registry, tmp_path)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("where", ["here", "at another gateway"])
async def test_a_call_begun_before_a_renewal_does_nothing_after_it(
    desk: RealDesk, registry: Registry, call: str, where: str
) -> None:
    former = await desk.join("former")
    if where == "here":
        await desk.join("new", renews=former.registration)
    else:
        enter(registry, make_invite(registry, former.registration), "new")
    before = dump(registry), desk.keys
    if where == "here" or call in {"services", "key", "unregister"}:
        with pytest.raises(RefusedError) as refused:
            await CALLS[call](desk, former)
        assert refused.value.slug in {Slug.UNAVAILABLE, Slug.UNAUTHORIZED}
    assert (dump(registry), desk.keys) == before
    assert await desk.authenticate(former.token_hash) is None


@pytest.mark.parametrize("call", CALLS)
async def test_who_registered_at_another_gateway_a_moment_ago_is_told_to_come_again(
    desk: RealDesk, registry: Registry, call: str
) -> None:
    """Not that it is gone: an agent asks no more for a minute then."""
    made = enter(registry, make_invite(registry), "one")
    caller = Caller(registration=made.id, token_hash=digest("one"), source="192.0.2.1")
    assert await desk.authenticate(caller.token_hash) == made.id
    if call not in {"services", "the same services", "unregister"}:  # which the database decides
        with pytest.raises(RefusedError) as refused:
            await CALLS[call](desk, caller)
        assert refused.value.slug == Slug.UNAVAILABLE
    await desk.book.look()
    await CALLS[call](desk, caller)


class Flaky(Registry):
    """A database that goes away for one question."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.away = False

    def by_token(self, agent_token_hash: str) -> Registration:
        if self.away:
            raise RegistryError("away")
        return super().by_token(agent_token_hash)


async def test_a_join_string_is_not_used_up_by_a_database_that_goes_away_in_between(
    tmp_path: Path,
) -> None:
    """An agent that is told it was used gives up token and key of what may be its registration."""
    with closing(Flaky(sqlite_url(tmp_path / "registry.db"))) as registry:
        desk = RealDesk(registry, tmp_path)
        join = digest(registry.invite(Invite(None, (), wall() + 3600), wall()))

        def register() -> Awaitable[messages.Registered]:
            return desk.register(join, digest("one"), asking("one"), "192.0.2.1")

        made = await register()
        registry.away = True
        with pytest.raises(RefusedError) as refused:
            await register()
        assert refused.value.slug == Slug.UNAVAILABLE
        registry.away = False
        assert await register() == made


def acts(desk: RealDesk, act: str) -> list[dict[str, Any]]:
    """The records of an act."""
    found = [json.loads(line) for line in desk.audit_file.read_text("ascii").splitlines()]
    return [record for record in found if record["act"] == act]


async def test_an_agent_that_changes_for_ever_is_told_to_wait_and_each_change_is_recorded(
    desk: RealDesk,
) -> None:
    agent, other = await desk.join("one"), await desk.join("other")
    done = 0

    async def change_for_ever() -> None:
        nonlocal done
        for number in range(10 * int(CHANGES.burst)):
            services = asking("one", f"web{number}").services
            await desk.set_services(agent, messages.ServicesRequest(services=services))
            key = messages.KeyRequest(key=make_key(number))
            done += 1
            await desk.propose_key(agent, key)
            await desk.propose_key(agent, key)  # which asks how it stands, and changes nothing

    with pytest.raises(RefusedError) as refused:
        await change_for_ever()
    assert refused.value.slug == Slug.TOO_MANY
    assert refused.value.retry_after
    assert done >= CHANGES.burst / 2
    assert len(acts(desk, "services-set")) == done
    assert len(acts(desk, "key-proposed")) in {done, done - 1}
    await desk.propose_key(other, messages.KeyRequest(key=make_key("other's next")))


async def test_claims_are_answered_for_ever_and_recorded_for_a_while(desk: RealDesk) -> None:
    agent = await desk.join("one")
    desk.lanes.close()  # nobody waits for a turn
    often = 3 * int(RECORDS.burst)
    for _ in range(often):
        assert (await desk.claim(agent, SLOT, messages.ClaimRequest())).holder == "none"
    assert desk.claims["free"] == often
    assert RECORDS.burst <= len(acts(desk, "claim")) < often


async def test_wrong_tokens_from_one_network_are_recorded_for_a_while(desk: RealDesk) -> None:
    often = 3 * int(RECORDS.burst)
    for number in range(often):
        desk.note_refusal("heartbeat", Slug.UNAUTHORIZED, f"2001:db8::{number:x}")
    assert RECORDS.burst <= len(acts(desk, "refused")) < often


async def test_who_claims_while_nothing_can_be_looked_at_is_told_to_come_again(
    desk: RealDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await desk.join("one")

    async def claim(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(desk.lanes, "claim", claim)
    with pytest.raises(RefusedError) as refused:
        await CALLS["claim"](desk, caller)
    assert refused.value.slug == Slug.UNAVAILABLE
