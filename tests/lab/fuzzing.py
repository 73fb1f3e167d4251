"""schemathesis against a running backchannel: what the document allows, and what it does not.

No answer is a 5xx, none tells of the program's inside, all have the form that the document says,
and a call that is refused has changed nothing.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckFunction

from ground2cloud.backchannel.calls import CALLS, Call
from ground2cloud.backchannel.openapi import document
from tests.lab.sources import session_from

SCHEMA = schemathesis.openapi.from_dict(document())
BY_NAME = {call.name: call for call in CALLS}
WITH_INPUT = [call.name for call in CALLS if call.request is not None]
WITH_TOKEN = [call.name for call in CALLS if call.bearer != "nobody"]
WRONG = "w" * 43
"""A token that nobody has."""


class Fuzzer(ABC):
    """Sends cases, and holds every answer against the document and against what was written.

    Args:
        port: of the backchannel on 127.0.0.1.
        authority: the file of its CA.
        examples: how many cases of a call.
    """

    excluded: ClassVar[list[CheckFunction]] = []
    """Checks of schemathesis that are not made."""

    def __init__(self, port: int, authority: Path, examples: int) -> None:
        self._url = f"https://127.0.0.1:{port}"
        self._verify = str(authority)
        self._examples = examples
        self.statuses: set[int] = set()

    @abstractmethod
    def bearer(self, call: Call) -> str:
        """Return a token that is good for the next case of this call."""

    @abstractmethod
    def written(self) -> object:
        """Return something that is different when anything was written."""

    def source(self) -> str:
        """Return the address from which the next case is sent."""
        return "127.0.0.1"

    def run(self, call: Call, mode: GenerationMode, token: str | None = None) -> None:
        """Send the cases of a call; without `token` each has one that is good."""
        operation = SCHEMA[call.path][call.method]

        @settings(
            max_examples=self._examples,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: "Case[Any]") -> None:
            if mode is GenerationMode.POSITIVE:
                _name_once(case)
            self._send(case, token or self.bearer(call))

        check()

    def _send(self, case: "Case[Any]", token: str) -> None:
        before = self.written()
        headers = {"Authorization": f"Bearer {token}"}
        with session_from(self.source()) as session:
            response = case.call(self._url, session=session, headers=headers, verify=self._verify)
            self.statuses.add(response.status_code)
            assert response.status_code < 500, response.text
            assert "Traceback" not in response.text
            if response.status_code != 200:
                assert self.written() == before
            case.validate_response(
                response,
                headers=headers,
                excluded_checks=self.excluded,
                transport_kwargs={"verify": self._verify},
            )


def _name_once(case: "Case[Any]") -> None:
    """Take out services of the same name: the one rule that JSON Schema has no word for."""
    if isinstance(case.body, dict) and "services" in case.body:
        once = {one["name"]: one for one in case.body["services"]}
        case.body = {**case.body, "services": list(once.values())}


class FuzzedCalls:
    """What holds for every call; a test module subclasses it and gives the fixture `fuzzer`."""

    @pytest.mark.parametrize("name", BY_NAME)
    def test_what_the_document_allows_is_answered(self, fuzzer: Fuzzer, name: str) -> None:
        fuzzer.run(BY_NAME[name], GenerationMode.POSITIVE)
        assert 200 in fuzzer.statuses

    @pytest.mark.parametrize("name", WITH_INPUT)
    def test_what_the_document_forbids_is_refused(self, fuzzer: Fuzzer, name: str) -> None:
        fuzzer.run(BY_NAME[name], GenerationMode.NEGATIVE)
        assert fuzzer.statuses & {400, 404, 415}

    @pytest.mark.parametrize("name", WITH_TOKEN)
    def test_with_a_wrong_token_nothing_is_done(self, fuzzer: Fuzzer, name: str) -> None:
        written = fuzzer.written()
        fuzzer.run(BY_NAME[name], GenerationMode.POSITIVE, WRONG)
        assert fuzzer.written() == written
        assert fuzzer.statuses <= {400, 401}
