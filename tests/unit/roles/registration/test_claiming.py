"""How long a lane lets itself be kept from dialling, whatever the gateway answers."""

import asyncio
import time

import pytest

from ground2cloud.backchannel.errors import SilentError, UnreachableError
from ground2cloud.backchannel.messages import ClaimAnswer, HeartbeatRequest
from ground2cloud.config.identity import Identity
from ground2cloud.roles.registration import link
from ground2cloud.roles.registration.link import CLAIM, CLAIM_IN_DOUBT, Link
from ground2cloud.roles.registration.store import Store
from tests.unit.config.test_identity import GOOD

SLOT = "127.0.0.1"


class Gateway:
    """Answers claims as told; an error is raised."""

    def __init__(self, *answers: ClaimAnswer | Exception) -> None:
        self.answers = list(answers)
        self.patience: list[float] = []

    async def claim(self, _identity: Identity, _slot: str, within: float) -> ClaimAnswer:
        """Answer the next one; the last again and again."""
        self.patience.append(within)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def answer(dial_in: float, *, again: bool) -> ClaimAnswer:
    return ClaimAnswer(holder="none", dial_in=dial_in, again=again)


def report() -> HeartbeatRequest:
    raise AssertionError("nobody beats here")


async def prove(_identity: Identity, _next_in: float) -> bool:
    raise AssertionError("nobody probes here")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Link:
    """A link that was not started: it only claims."""
    found = Link(Store.__new__(Store), report, lambda: (), lambda _identity: None, prove)
    found.use(GOOD)
    monkeypatch.setattr(link, "LONGEST_TURN", 0.5)
    monkeypatch.setattr(link, "SOONEST_CLAIM", 0.01)
    return found


def talk_to(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "_claim", gateway.claim)


async def test_it_asks_until_it_is_its_turn(made: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway(answer(0.05, again=True), answer(0.05, again=True), answer(0, again=False))
    talk_to(gateway, monkeypatch)
    began = time.monotonic()
    await made.claim(SLOT)
    assert len(gateway.patience) == 3
    assert 0.09 < time.monotonic() - began < 0.5


async def test_it_dials_however_often_it_is_put_off(
    made: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway(answer(0.01, again=True))
    talk_to(gateway, monkeypatch)
    began = time.monotonic()
    async with asyncio.timeout(10):
        await made.claim(SLOT)
    assert time.monotonic() - began >= 0.45
    assert len(gateway.patience) > 3


async def test_a_gateway_that_gives_no_time_is_not_asked_without_a_pause(
    made: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway(answer(0.0, again=True))
    talk_to(gateway, monkeypatch)
    monkeypatch.setattr(link, "SOONEST_CLAIM", 0.2)
    await made.claim(SLOT)
    assert len(gateway.patience) <= 3


async def test_who_was_silent_is_given_less_time(
    made: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway(SilentError("no answer"), answer(0, again=False))
    talk_to(gateway, monkeypatch)
    await made.claim(SLOT)
    await made.claim(SLOT)
    assert gateway.patience == [CLAIM, CLAIM_IN_DOUBT]


async def test_who_refuses_is_not_silent(made: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that is being restarted refuses connections, and then has many to answer."""
    gateway = Gateway(UnreachableError("refused"), answer(0, again=False))
    talk_to(gateway, monkeypatch)
    await made.claim(SLOT)
    await made.claim(SLOT)
    assert gateway.patience == [CLAIM, CLAIM]


async def test_nobody_waits_for_a_turn_when_the_agent_ends(
    made: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "LONGEST_TURN", 60.0)
    talk_to(Gateway(answer(15.0, again=True)), monkeypatch)
    claiming = asyncio.create_task(made.claim(SLOT))
    await asyncio.sleep(0.05)
    made.close()
    async with asyncio.timeout(10):
        await claiming
