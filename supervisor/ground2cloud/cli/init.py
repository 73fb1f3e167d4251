"""`ground2cloud init`: a configuration to fill in, a key, and what to do next."""

import asyncio
import tomllib
from collections.abc import Mapping
from pathlib import Path

import click
from msgspec import structs

from ground2cloud.cli.fill import fill
from ground2cloud.cli.new_key import authorized_line, provide_key
from ground2cloud.cli.running import config_path
from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.config.model import Gateway
from ground2cloud.config.sample import sample
from ground2cloud.errors import Ground2CloudError
from ground2cloud.logs.escape import printable
from ground2cloud.rendering.atomic import write_atomic

_MODE = 0o600
_LIMIT = 1000
_TABLES = {
    "[gateway]": ("host", "host_key", "user", "ssh_port"),
    "[[service]]": ("port", "remote_port"),
}
_DEFAULTS = {field.name: str(field.default) for field in structs.fields(Gateway)}
_PORT = click.IntRange(1, 65535)


@click.command()
@common_options
@click.option("--force", is_flag=True, help="Replace a configuration that is there already.")
@click.option("--host", help="Name or address of the gateway, the public machine.")
@click.option("--host-key", help="The gateway's public host key: ssh-ed25519 AAAA…")
@click.option("--user", help=f"Account on the gateway (else {_DEFAULTS['user']}).")
@click.option("--ssh-port", type=_PORT, help="Port of the gateway's sshd (else 22).")
@click.option("--port", type=_PORT, help="Port of the application here (else 8080).")
@click.option(
    "--remote-port", type=_PORT, help="Port on the gateway that will lead to it (else 11081)."
)
@click.pass_obj
def init(settings: Settings, /, *, force: bool, **given: str | int | None) -> None:
    """Write a configuration file to fill in, and a key.

    What is given here is filled in; the rest is for you to fill in with an editor. A key that is
    there already is kept. What to do next is said at the end.
    """
    path = config_path(settings)
    if path.exists() and not force:
        raise Ground2CloudError(
            f"{path} is there already", "--force replaces it; --config names another file"
        )
    values = {name: value for name, value in given.items() if value is not None}
    text = sample()
    for table, names in _TABLES.items():
        text = fill(text, table, {name: values[name] for name in names if name in values})
    # The key first: if that fails, no configuration is left for the next try to stumble on.
    key, new = asyncio.run(provide_key(path.parent / _DEFAULTS["identity_file"]))
    _write(path, text)
    _say(f"wrote {path}")
    _say(f"{'wrote' if new else 'kept'} {key.path}, the private key: it stays on this machine")
    config = tomllib.loads(text)
    port = config["service"][0]["remote_port"]
    line = authorized_line(key.public_key, config["service"][0]["remote_bind"], port)
    _explain_gateway(line, config["gateway"].get("user", _DEFAULTS["user"]), port)
    _explain_here(path, values, named=settings.config is not None)


def _write(path: Path, text: str) -> None:
    try:
        write_atomic(path, text, mode=_MODE)
    except OSError as error:
        raise Ground2CloudError(f"can't write {path}: {error.strerror or error}") from None


def _explain_gateway(line: str, user: str, port: int) -> None:
    _say("")
    _say(f"On the gateway, add this line to ~/.ssh/authorized_keys of the user {user}.")
    _say(f"It lets this machine open port {port} there, and do nothing else:")
    _say("")
    _say(line)
    _say("")


def _explain_here(path: Path, values: Mapping[str, str | int], *, named: bool) -> None:
    missing = [name for name in ("host", "host_key", "port") if name not in values]
    with_config = f", each with --config {path}" if named else ""
    _say(f"Then, on this machine{with_config}:")
    _say(f"  1. look through {path}" + (f", and set {', '.join(missing)}" if missing else ""))
    if "host_key" in missing:
        _say("     host_key: what `cat /etc/ssh/ssh_host_ed25519_key.pub` prints on the gateway")
    if "port" in missing:
        _say("     port: where your application listens on this machine")
    _say("  2. ground2cloud check    says whether that file is good")
    _say("  3. ground2cloud doctor   tries each step to the gateway, and to the application")
    _say("  4. ground2cloud run      connects, and stays connected")


def _say(line: str) -> None:
    click.echo(printable(line, _LIMIT))
