"""schemathesis against the running server, over a desk in memory."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from schemathesis import GenerationMode

from ground2cloud.backchannel.calls import Call
from tests.lab.fake_desk import JOIN, TOKEN, Place, serving
from tests.lab.fuzzing import BY_NAME, WITH_INPUT, WITH_TOKEN, WRONG, Fuzzer

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


@pytest.mark.parametrize("name", BY_NAME)
def test_what_the_document_allows_is_answered(fuzzer: DeskFuzzer, name: str) -> None:
    fuzzer.run(BY_NAME[name], GenerationMode.POSITIVE)
    assert 200 in fuzzer.statuses


@pytest.mark.parametrize("name", WITH_INPUT)
def test_what_the_document_forbids_is_refused(fuzzer: DeskFuzzer, name: str) -> None:
    fuzzer.run(BY_NAME[name], GenerationMode.NEGATIVE)
    assert fuzzer.statuses & {400, 404, 415}


@pytest.mark.parametrize("name", WITH_TOKEN)
def test_with_a_wrong_token_nothing_is_done(fuzzer: DeskFuzzer, name: str) -> None:
    written = fuzzer.written()
    fuzzer.run(BY_NAME[name], GenerationMode.POSITIVE, WRONG)
    assert fuzzer.written() == written
    assert fuzzer.statuses <= {400, 401}
