"""schemathesis against the running server: whatever the document allows, and whatever it does not.

No answer is a 5xx, none tells of the program's inside, all have the form that the document says,
and a call that is refused has changed nothing.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode

from ground2cloud.backchannel.calls import CALLS, Call
from ground2cloud.backchannel.openapi import document
from tests.lab.fake_desk import JOIN, TOKEN, Place, serving

SCHEMA = schemathesis.openapi.from_dict(document())
EXAMPLES = 20
BY_NAME = {call.name: call for call in CALLS}
WITH_INPUT = [call.name for call in CALLS if call.request is not None]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with serving(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="module")
def authority(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("element") / "ca.crt"
    file.write_text(place.certificates.authority)
    return file


class Fuzzer:
    """Sends a case, and holds the answer against the document and against what was written."""

    def __init__(self, place: Place, authority: Path) -> None:
        self.place = place
        self.authority = authority
        self.statuses: set[int] = set()

    def run(self, call: Call, mode: GenerationMode, token: str) -> None:
        operation = SCHEMA[call.path][call.method]

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: "Case[Any]") -> None:
            if mode is GenerationMode.POSITIVE:
                name_once(case)
            self.send(case, token)

        check()

    def send(self, case: "Case[Any]", token: str) -> None:
        self.place.known()  # a fuzzed call may have unregistered it
        written = len(self.place.desk.written)
        headers = {"Authorization": f"Bearer {token}"}
        url = f"https://127.0.0.1:{self.place.server.port}"
        response = case.call(url, headers=headers, verify=str(self.authority))
        self.statuses.add(response.status_code)
        assert response.status_code < 500
        assert "Traceback" not in response.text
        assert response.status_code == 200 or len(self.place.desk.written) == written
        case.validate_response(
            response,
            headers=headers,
            transport_kwargs={"verify": str(self.authority)},
        )


@pytest.fixture
def fuzzer(place: Place, authority: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Fuzzer]:
    caplog.set_level(logging.WARNING, "ground2cloud")
    yield Fuzzer(place, authority)
    assert caplog.messages == []


def name_once(case: "Case[Any]") -> None:
    """Take out services of the same name: the one rule that JSON Schema has no word for."""
    if isinstance(case.body, dict) and "services" in case.body:
        once = {one["name"]: one for one in case.body["services"]}
        case.body = {**case.body, "services": list(once.values())}


def token_of(call: Call) -> str:
    return JOIN if call.bearer == "join" else TOKEN


@pytest.mark.parametrize("name", BY_NAME)
def test_what_the_document_allows_is_answered(fuzzer: Fuzzer, name: str) -> None:
    call = BY_NAME[name]
    fuzzer.run(call, GenerationMode.POSITIVE, token_of(call))
    assert 200 in fuzzer.statuses


@pytest.mark.parametrize("name", WITH_INPUT)
def test_what_the_document_forbids_is_refused(fuzzer: Fuzzer, name: str) -> None:
    call = BY_NAME[name]
    fuzzer.run(call, GenerationMode.NEGATIVE, token_of(call))
    assert fuzzer.statuses & {400, 404, 415}


@pytest.mark.parametrize("name", [call.name for call in CALLS if call.bearer != "nobody"])
def test_with_a_wrong_token_nothing_is_done(fuzzer: Fuzzer, name: str) -> None:
    written = len(fuzzer.place.desk.written)
    fuzzer.run(BY_NAME[name], GenerationMode.POSITIVE, "w" * 43)
    assert len(fuzzer.place.desk.written) == written
    assert fuzzer.statuses <= {400, 401}
