"""schemathesis against the running server, over a desk in memory."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from ground2cloud.backchannel.calls import Call
from tests.lab.fake_desk import JOIN, TOKEN, Place, serving
from tests.lab.fuzzing import FuzzedCalls, Fuzzer

EXAMPLES = 20


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with serving(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="module")
def authority(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("element") / "ca.crt"
    file.write_text(place.certificates.authority)
    return file


class DeskFuzzer(Fuzzer):
    """Knows what the desk in memory was told."""

    def __init__(self, place: Place, authority: Path) -> None:
        super().__init__(place.server.port, authority, EXAMPLES)
        self.place = place

    def bearer(self, call: Call) -> str:
        self.place.known()  # a fuzzed call may have unregistered it
        return JOIN if call.bearer == "join" else TOKEN

    def written(self) -> object:
        return len(self.place.desk.written)


@pytest.fixture
def fuzzer(place: Place, authority: Path, caplog: pytest.LogCaptureFixture) -> Iterator[DeskFuzzer]:
    caplog.set_level(logging.WARNING, "ground2cloud")
    yield DeskFuzzer(place, authority)
    assert caplog.messages == []


class TestServer(FuzzedCalls):
    """The calls, with a desk in memory behind them."""
