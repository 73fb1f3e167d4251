"""What goes over the local API comes out as it went in, also between versions."""

import msgspec
import pytest

from ground2cloud.web.messages import ControlFile, Status
from tests.lab.fake_agent import lane, service, status


def test_a_status_survives_the_way_through_json() -> None:
    before = status(service(), service("db", "down"), lanes=(lane(), lane(name="lane-2")))
    assert msgspec.json.decode(msgspec.json.encode(before), type=Status) == before


def test_a_field_of_a_newer_agent_is_ignored() -> None:
    content = msgspec.to_builtins(status()) | {"invented_later": {"a": 1}}
    assert msgspec.convert(content, Status) == status()


@pytest.mark.parametrize("token", ["short", "a" * 30 + "\r\nHost: evil", "ä" * 30])
def test_a_token_that_could_inject_a_header_is_no_token(token: str) -> None:
    content = {"address": "127.0.0.1:1", "token": token, "pid": 1}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(content, ControlFile)
