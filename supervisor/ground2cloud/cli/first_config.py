"""The configuration file of a machine that registers before it has one."""

import re
from pathlib import Path

import tomli_w

from ground2cloud.config.load import parse_agent
from ground2cloud.config.sample import registered_sample
from ground2cloud.errors import Ground2CloudError
from ground2cloud.rendering.atomic import write_atomic

_SERVICE = re.compile(
    r"(?P<name>[^=]+)=(?P<kind>[^:]+):(?:(?P<host>[^:\[\]]+|\[[^\]]+\]):)?(?P<port>[0-9]+)"
)
_MODE = 0o600


def write_first(path: Path, services: tuple[str, ...]) -> None:
    """Write a commented file with these services, each `NAME=KIND:HOST:PORT`, or without any.

    Raises:
        Ground2CloudError: a service is not of that form, or the file can't be written.
        ConfigError: a value of a service is not allowed.
    """
    text = registered_sample()
    for each in services:
        text += "\n[[service]]\n" + tomli_w.dumps(_service(each))
    parse_agent(text, file=path.name, directory=path.absolute().parent)
    try:
        write_atomic(path, text, mode=_MODE)
    except OSError as error:
        raise Ground2CloudError(f"can't write {path}: {error.strerror or error}") from None


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
