"""`ground2cloud connect`: a local port that leads to an application behind a gateway."""

import asyncio
import contextlib
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.errors import Ground2CloudError

if TYPE_CHECKING:
    from ssl import SSLContext

_ROUTE = re.compile(r"[1-9][0-9]{0,9}(/[a-z0-9][a-z0-9_-]{0,62})?")
_KEY = re.compile(r"[A-Za-z0-9_-]{16,200}")
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_PORTS = {"http": 80, "https": 443}
_KEY_VARIABLE = "GROUND2CLOUD_KEY"


@click.command()
@common_options
@click.argument("route", metavar="ROUTE")
@click.option(
    "--gateway",
    required=True,
    envvar="GROUND2CLOUD_GATEWAY",
    show_envvar=True,
    metavar="URL",
    help="http://HOST or https://HOST.",
)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the element key.",
)
@click.option(
    "--key-env",
    metavar="NAME",
    help=f"Environment variable with the element key, instead; {_KEY_VARIABLE} without both.",
)
@click.option(
    "--listen",
    default="127.0.0.1:0",
    show_default=True,
    help="Where to take connections; port 0 takes a free one.",
)
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path),
    help="CA certificates to trust with https://, instead of the system's.",
)
@click.pass_obj
def connect(
    settings: Settings,
    *,
    route: str,
    gateway: str,
    key_file: Path | None,
    key_env: str | None,
    listen: str,
    ca_file: Path | None,
) -> int:
    """Open a local port that leads to an application behind a gateway.

    ROUTE is a registration and a service, such as 1001/postgres. For programs that can't go through
    a gateway by themselves, such as database drivers: they connect to the local port. Runs until
    Ctrl-C, on the caller's machine; the bytes of these connections pass through this process.

    With http:// the key and all data go to the gateway as they are, readable on the way: take
    https:// wherever the network is not your own.

    With GROUND2CLOUD_GATEWAY and GROUND2CLOUD_KEY in the environment, ROUTE is all there is to say.
    """
    del settings
    from ground2cloud.roles.connecting import Target  # noqa: PLC0415 - or --help would load it

    if not _ROUTE.fullmatch(route):
        raise Ground2CloudError(f'"{route}" is no route', "such as 1001/postgres, or 1001")
    scheme, host, port = _read_url(gateway)
    tls = _trust(ca_file) if scheme == "https" else None
    target = Target(host, port, tls, route, _read_key(key_file, key_env))
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(target, *_split(listen)))
    return 0


async def _run(target: object, host: str, port: int) -> None:
    from ground2cloud.roles import connecting  # noqa: PLC0415 - as above

    assert isinstance(target, connecting.Target)
    try:
        listener = connecting.listen(host, port)
    except OSError as error:
        raise Ground2CloudError(f"can't listen at {host}:{port}: {error.strerror}") from None
    name, number = listener.getsockname()[:2]
    click.echo(f"{name}:{number} leads to {target.route}")
    await connecting.serve(target, listener)


def _read_url(text: str) -> tuple[str, str, int]:
    """Return scheme, host and port of the gateway."""
    try:
        url = urlsplit(text)
        usual = _PORTS[url.scheme]
        if url.hostname and _HOST.fullmatch(url.hostname):
            return url.scheme, url.hostname, url.port or usual
    except (ValueError, KeyError):  # brackets, port; scheme
        pass
    raise Ground2CloudError(
        f'"{text}" is no gateway', "such as https://g2c.example.com, or http://…"
    )


def _trust(file: Path | None) -> "SSLContext":
    import ssl  # noqa: PLC0415 - 20 ms that the others do without

    try:
        return ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        raise Ground2CloudError(f"there is no certificate in {file}") from None
    except OSError as error:
        raise Ground2CloudError(f"can't read {file}: {error.strerror}") from None


def _read_key(file: Path | None, variable: str | None) -> str:
    if file is None and variable is None and _KEY_VARIABLE in os.environ:
        variable = _KEY_VARIABLE
    if (file is None) == (variable is None):
        raise Ground2CloudError(
            "say where the element key is: --key-file or --key-env",
            "not in an argument: every user of a machine can read those",
        )
    try:
        text = file.read_text("utf-8") if file is not None else os.environ.get(variable or "", "")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Ground2CloudError(f"can't read {file}: {reason}") from None
    if not _KEY.fullmatch(text.strip()):
        raise Ground2CloudError(f"there is no element key in {file or variable}")
    return text.strip()


def _split(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:  # noqa: PLR2004 - the last port
        raise Ground2CloudError(f'"{listen}" is not HOST:PORT', "such as 127.0.0.1:5432")
    return host.removeprefix("[").removesuffix("]"), int(port)
