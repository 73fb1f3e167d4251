"""The key for a registration, by the real ssh-keygen: what an earlier try made is not lost."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from ground2cloud.core import oneshot
from ground2cloud.core.spawn import spawn
from ground2cloud.errors import Ground2CloudError
from ground2cloud.roles.registration.joining import provide_key
from ground2cloud.roles.registration.store import Store
from tests.lab.processes import run
from tests.unit.config.test_identity import GOOD

NAME = "id_ed25519-2"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state")


def key_of(store: Store) -> Path:
    return store.state / NAME


async def test_what_an_earlier_try_made_is_taken(store: Store) -> None:
    first = await provide_key(store, NAME)
    assert first == " ".join(key_of(store).with_suffix(".pub").read_text().split()[:2])
    assert await provide_key(store, NAME) == first


@pytest.mark.parametrize("kept", [0, 100])
async def test_a_key_that_was_cut_off_is_made_anew(store: Store, kept: int) -> None:
    """The key of another registration that is in force stays."""
    first = await provide_key(store, NAME)
    store.write(GOOD)
    key_of(store).write_bytes(key_of(store).read_bytes()[:kept])
    second = await provide_key(store, NAME)
    assert second not in {"", first}
    assert await provide_key(store, NAME) == second


async def test_a_key_that_others_may_read_is_told_and_stays(store: Store) -> None:
    first = await provide_key(store, NAME)
    key_of(store).chmod(0o640)
    with pytest.raises(Ground2CloudError, match="others may read") as caught:
        await provide_key(store, NAME)
    assert "chmod 600" in caught.value.hint
    key_of(store).chmod(0o600)
    assert await provide_key(store, NAME) == first


async def test_a_key_with_a_passphrase_is_told_and_stays(store: Store) -> None:
    first = await provide_key(store, NAME)
    run("ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", str(key_of(store)))
    with pytest.raises(Ground2CloudError, match="needs a passphrase") as caught:
        await provide_key(store, NAME)
    assert "remove the passphrase" in caught.value.hint
    run("ssh-keygen", "-q", "-p", "-P", "secret", "-N", "", "-f", str(key_of(store)))
    assert await provide_key(store, NAME) == first


async def test_a_key_that_nobody_could_be_asked_about_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that has no room for one more process, once."""
    first = await provide_key(store, NAME)
    with monkeypatch.context() as full:
        full.setattr(oneshot, "spawn", _refuse)
        with pytest.raises(Ground2CloudError, match="Resource temporarily unavailable"):
            await provide_key(store, NAME)
    assert oneshot.spawn is spawn
    assert await provide_key(store, NAME) == first


async def test_a_whole_key_that_can_not_be_used_is_told_and_stays(store: Store) -> None:
    """A single byte of it is another: somebody may have the right one."""
    await provide_key(store, NAME)
    words = bytearray(key_of(store).read_bytes())
    words[60] ^= 1
    key_of(store).write_bytes(words)
    with pytest.raises(Ground2CloudError, match="is not a private key"):
        await provide_key(store, NAME)
    assert key_of(store).read_bytes() == words


@pytest.mark.parametrize("names", [{"key": NAME}, {"next_key": NAME}])
async def test_a_key_that_the_identity_names_is_never_removed(
    store: Store, names: dict[str, str]
) -> None:
    """Whatever has become of it: that is for a person to see."""
    await provide_key(store, NAME)
    store.write(replace(GOOD, **names))
    key_of(store).write_bytes(key_of(store).read_bytes()[:100])
    with pytest.raises(Ground2CloudError, match="is not a private key"):
        await provide_key(store, NAME)
    assert len(key_of(store).read_bytes()) == 100


async def _refuse(*_: object, **__: object) -> object:
    raise BlockingIOError(11, "Resource temporarily unavailable")
