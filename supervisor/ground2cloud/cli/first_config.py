"""The configuration file of a machine that registers before it has one."""

import re
from pathlib import Path

import tomli_w

from ground2cloud.config.load import parse_agent
from ground2cloud.config.model import AgentConfig
from ground2cloud.config.sample import registered_sample
from ground2cloud.errors import Ground2CloudError
from ground2cloud.rendering.atomic import write_atomic

_SERVICE = re.compile(
    r"(?P<name>[^=]+)=(?P<kind>[^:]+):(?:(?P<host>[^:\[\]]+|\[[^\]]+\]):)?(?P<port>[0-9]+)"
)
_MODE = 0o600


def write_first(path: Path, services: tuple[str, ...]) -> None:
    """Write a commented file with these services, each `NAME=KIND:HOST:PORT`.

    Raises:
        Ground2CloudError: no service, or one that is not of that form, or the file can't be
            written.
        ConfigError: a value of a service is not allowed.
    """
    text = _text(services)
    if not services:
        raise Ground2CloudError(
            f"there is no {path} yet, and no service to write into it",
            "say what is to be reached: --service NAME=KIND:HOST:PORT, for example"
            " --service postgres=postgresql:localhost:5432",
        )
    parse_agent(text, file="--service", directory=path.absolute().parent)
    try:
        write_atomic(path, text, mode=_MODE)
    except OSError as error:
        raise Ground2CloudError(f"can't write {path}: {error.strerror or error}") from None


def is_about(config: AgentConfig, services: tuple[str, ...]) -> bool:
    """Whether a configuration has these services, and no others.

    Raises:
        Ground2CloudError: a service is not of that form.
        ConfigError: a value of a service is not allowed.
    """
    asked = parse_agent(_text(services), file="--service", directory=Path())
    return set(asked.service) == set(config.service)


def _text(services: tuple[str, ...]) -> str:
    tables = ("\n[[service]]\n" + tomli_w.dumps(_service(each)) for each in services)
    return registered_sample() + "".join(tables)


def _service(text: str) -> dict[str, object]:
    found = _SERVICE.fullmatch(text)
    if found is None:
        raise Ground2CloudError(
            f'"{text}" is no service', "for example: postgres=postgresql:localhost:5432"
        )
    host = (found["host"] or "localhost").removeprefix("[").removesuffix("]")
    return {
        "name": found["name"],
        "kind": found["kind"],
        "host": host,
        "port": int(found["port"]),
    }
