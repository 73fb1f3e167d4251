"""The commented samples that `init` and `gateway init` write, made from the models.

Every key of the model is in it: required ones, and those marked `live`, set to their example; the
others commented out with their default, or with an example where there is no default.
"""

import textwrap
import typing
from collections.abc import Iterator
from inspect import getdoc
from typing import Any

import msgspec
import msgspec.inspect as shape
import tomli_w
from msgspec import structs

from ground2cloud.config.expectations import allowed
from ground2cloud.config.gateway_model import GatewayConfig
from ground2cloud.config.model import AgentConfig, Section
from ground2cloud.config.walk import section_of

_WIDTH = 98
_HEAD = """\
The configuration of the Ground2Cloud agent: which applications of this machine's network the
gateway can reach, and how it gets there.

A line such as #key = value shows the default, or an example where there is none: remove the # to
set the key. `ground2cloud check` says what is wrong with this file. A running agent takes an edit
up by itself.
"""
_GATEWAY_HEAD = """\
The configuration of a Ground2Cloud gateway: the public machine that agents connect to, and
through which callers reach the applications behind them.

A line such as #key = value shows the default, or an example where there is none: remove the # to
set the key. `ground2cloud gateway check` says what is wrong with this file. A running gateway
takes an edit up by itself.
"""


def sample() -> str:
    """Write the sample. It is valid once `gateway.host` and `gateway.host_key` are filled in."""
    return _sample(AgentConfig, _HEAD)


def registered_sample() -> str:
    """Write the sample for a registered agent: valid as it is, with no gateway and no service."""
    lines, off = [], False
    for line in sample().splitlines():
        if line.startswith("["):
            off = line in {"[gateway]", "[[service]]"}
        lines.append(f"#{line}" if off and line and not line.startswith("#") else line)
    return "\n".join(lines) + "\n"


def gateway_sample() -> str:
    """Write the sample of `gateway.toml`. It is valid once `gateway.host` is filled in."""
    return _sample(GatewayConfig, _GATEWAY_HEAD)


def _sample(model: type[Section], head: str) -> str:
    parts = [_comment(head)]
    for item in structs.fields(model):
        array = typing.get_origin(item.type) is tuple
        table = section_of(item.type)
        assert table is not None, f"{item.name} is no table"
        parts.append(_table(table, item.name, f"[[{item.name}]]" if array else f"[{item.name}]"))
    return "\n".join(parts)


def _table(model: type[Section], name: str, header: str) -> str:
    keys = "".join("\n" + _key(item, name) for item in structs.fields(model))
    return f"{_comment(getdoc(model) or '')}{header}\n{keys}"


def _key(item: structs.FieldInfo, table: str) -> str:
    info = shape.type_info(item.type)
    assert isinstance(info, shape.Metadata), f"{item.name} needs a description"
    said, marks = info.extra_json_schema or {}, info.extra or {}
    value = next(iter(said.get("examples", ())), item.default)
    content = {item.name: msgspec.to_builtins(value)}
    if isinstance(value, dict):
        content = {table: content}  # a table of its own needs its full name
    lines = _lines(content)
    live = item.required or "live" in marks
    text = "".join(
        f"{line}\n" if live else f"#{line}\n" for line in lines if _is_content(line, table)
    )
    return _comment(f"{said['description']} {_limits(item.type)}") + text


def _lines(content: dict[str, Any]) -> list[str]:
    [value] = content.values()
    text = tomli_w.dumps(content)
    if isinstance(value, list):
        # The writer gives each element a line of its own; a short array reads better on one.
        text = text.replace("\n    ", "").replace(",\n]", "]").replace('","', '", "')
    return text.splitlines()


def _is_content(line: str, table: str) -> bool:
    """Whether a line says something: not the header of a table that stands there already."""
    return bool(line) and line != f"[{table}]"


def _limits(kind: Any) -> str:  # noqa: ANN401 - a type annotation
    """Say a range or a choice; what a text may be is for its description to say."""
    said = allowed(kind)
    if said.startswith("one of "):
        return said.capitalize() + "."
    return f"Allowed: {said}." if ".." in said else ""


def _comment(text: str) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in _wrap(text))


def _wrap(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from textwrap.wrap(line, _WIDTH) or [""]
