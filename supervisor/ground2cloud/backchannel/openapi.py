"""The document of the API, made from the messages and the table of calls."""

from inspect import cleandoc
from itertools import groupby
from typing import Any

import msgspec

from ground2cloud import __version__
from ground2cloud.backchannel import messages
from ground2cloud.backchannel.calls import CALLS, DOCUMENT_PATH, TIME_HEADER, Call
from ground2cloud.backchannel.errors import STATUS

_REF = "#/components/schemas/{name}"
_JSON = "application/json"
_DESCRIPTION = (
    "What agents say to their gateway. Every call is one connection. Every answer that is not 2xx"
    " is a Fault; a reader ignores fields that it does not know."
)
_SCHEMES = {
    "join": "The one-time token of a join string.",
    "agent": "The token that the agent made up when it registered.",
}

Json = dict[str, Any]


def document() -> Json:
    """Make the OpenAPI 3.1 document, as plain data."""
    types = [one for call in CALLS for one in (call.request, call.answer) if one is not None]
    (_, schemas) = msgspec.json.schema_components([*types, messages.Fault], ref_template=_REF)
    paths: Json = {DOCUMENT_PATH: {"get": _of_document()}}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ground2Cloud backchannel",
            "version": __version__,
            "description": _DESCRIPTION,
        },
        "paths": paths,
        "components": {
            "schemas": {name: _tidy(schema) for name, schema in schemas.items()},
            "securitySchemes": {
                name: {"type": "http", "scheme": "bearer", "description": text}
                for name, text in _SCHEMES.items()
            },
            "headers": {"time": _time_header()},
        },
    }


def _operation(call: Call) -> Json:
    operation: Json = {
        "operationId": call.name,
        "summary": cleandoc((call.request or call.answer).__doc__ or "").partition("\n")[0],
        "responses": {"200": _answer("Done.", call.answer), **_refusals(call)},
    }
    if call.bearer != "nobody":
        operation["security"] = [{call.bearer: []}]
    if "{slot}" in call.path:
        operation["parameters"] = [_slot()]
    if call.request is not None:
        operation["requestBody"] = {"required": True, "content": _content(call.request)}
    return operation


def _refusals(call: Call) -> Json:
    """One response for each status, with the slugs that it may carry."""
    slugs = sorted(set(call.all_refusals), key=lambda slug: (STATUS[slug], slug))
    return {
        str(status): _answer(f"Refused: {', '.join(group)}.", messages.Fault)
        for status, group in groupby(slugs, key=STATUS.__getitem__)
    }


def _answer(text: str, content: type[messages.Message]) -> Json:
    return {
        "description": text,
        "headers": {TIME_HEADER: {"$ref": "#/components/headers/time"}},
        "content": _content(content),
    }


def _content(kind: type[messages.Message]) -> Json:
    return {_JSON: {"schema": {"$ref": _REF.format(name=kind.__name__)}}}


def _of_document() -> Json:
    return {
        "operationId": "document",
        "summary": "This document.",
        "responses": {
            "200": {
                "description": "Done.",
                "headers": {TIME_HEADER: {"$ref": "#/components/headers/time"}},
                "content": {_JSON: {"schema": {"type": "object"}}},
            }
        },
    }


def _slot() -> Json:
    return {
        "name": "slot",
        "in": "path",
        "required": True,
        "schema": msgspec.json.schema(messages.Slot),
    }


def _time_header() -> Json:
    return {
        "description": "The gateway's clock, in seconds since 1970.",
        "required": True,
        "schema": {"type": "number"},
    }


def _tidy(schema: Json) -> Json:
    """Take the source's indentation out of a docstring."""
    text = schema.get("description")
    return schema if text is None else {**schema, "description": cleandoc(text)}
