"""The document says exactly what the routes do, and nothing in it leads nowhere."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from aiohttp import web

from ground2cloud.backchannel import messages
from ground2cloud.backchannel.calls import CALLS, TIME_HEADER, Call
from ground2cloud.backchannel.errors import STATUS, Slug
from ground2cloud.backchannel.openapi import document
from ground2cloud.backchannel.routes import make_app
from tests.lab.fake_desk import UNLIMITED, FakeDesk

DOCUMENT = document()


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_every_route_is_in_the_document_and_every_call_of_it_is_a_route() -> None:
    app = make_app(FakeDesk(), "", UNLIMITED)
    routes = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if isinstance(route.resource, web.Resource)
    }
    assert routes == {(method, path) for method, path, _ in operations()}


def test_every_method_of_the_desk_is_a_call() -> None:
    own = {name for name in vars(messages.Desk) if not name.startswith("_")}
    calls = {call.name.replace("-", "_") for call in CALLS} - {"authority"}
    assert own == calls | {"authenticate", "note_refusal"}


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(DOCUMENT)
    for name in {one.split('"')[0] for one in text.split('"#/')[1:]}:
        place: Any = DOCUMENT
        for step in name.split("/"):
            place = place[step]
        assert place


def test_every_answer_tells_the_time() -> None:
    for _, _, operation in operations():
        for answer in operation["responses"].values():
            assert TIME_HEADER in answer["headers"]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_every_refusal_of_a_call_is_documented(call: Call) -> None:
    answers = DOCUMENT["paths"][call.path][call.method.lower()]["responses"]
    assert {"200", *(str(STATUS[slug]) for slug in call.all_refusals)} == set(answers)


def test_every_slug_has_a_status() -> None:
    assert set(STATUS) == set(Slug)


def test_it_is_json_without_the_indentation_of_the_source() -> None:
    assert json.loads(msgspec.json.encode(DOCUMENT))["openapi"] == "3.1.0"
    assert "\\n\\n    " not in json.dumps(DOCUMENT)
