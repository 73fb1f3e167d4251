"""What the lane of a new key says about it, at each endpoint in turn."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from ground2cloud.backchannel.client import Client
from ground2cloud.backchannel.errors import UnreachableError
from ground2cloud.backchannel.messages import KeyAnswer
from ground2cloud.config.locations import locate
from ground2cloud.config.model import AgentConfig, Kind, Service
from ground2cloud.core.spec import Outcome, Verdict
from ground2cloud.errors import Ground2CloudError
from ground2cloud.roles.doctor.trial import Trial
from ground2cloud.roles.registration import rotating
from ground2cloud.roles.registration.rotating import UnfinishedError, _Proof
from ground2cloud.roles.registration.store import Store
from tests.unit.config.test_identity import GOOD

NEW = "id_ed25519-2"
ROTATING = replace(GOOD, next_key=NEW)
CONFIG = AgentConfig(service=(Service(name="app", kind=Kind.HTTP, port=80),))


async def carry(directory: Path, monkeypatch: pytest.MonkeyPatch, *reasons: str) -> Store:
    """Try the new key at endpoints that end its lane so, without a backchannel."""
    store = Store(directory)
    store.write(ROTATING)
    ends = iter(reasons)

    async def try_lane(*_: object, **_named: object) -> Trial:
        return Trial(Verdict(Outcome.TRANSIENT, next(ends), "it ended"), 0.0)

    async def propose(_client: Client, _public: str) -> KeyAnswer:
        raise UnreachableError("the gateway is away")

    monkeypatch.setattr(rotating, "try_lane", try_lane)
    monkeypatch.setattr(rotating, "_propose", propose)
    places = locate(CONFIG, directory / "agent.toml", {})
    client = Client("127.0.0.1", 1, pin="")
    await _Proof(store, client, "ssh-ed25519 AAAA").carry(CONFIG, places, ROTATING, NEW)
    return store


@pytest.mark.parametrize(
    "reasons",
    [("link-dead", "timed-out"), ("timed-out", "link-dead"), ("not-ready", "permission-denied")],
)
async def test_a_key_that_may_have_been_let_in_anywhere_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reasons: tuple[str, ...]
) -> None:
    with pytest.raises(UnfinishedError):
        await carry(tmp_path, monkeypatch, *reasons)
    assert Store(tmp_path).read() == ROTATING


async def test_a_key_that_was_let_in_nowhere_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Ground2CloudError, match="the present key stays"):
        await carry(tmp_path, monkeypatch, "timed-out", "refused")
    assert Store(tmp_path).read() == GOOD
