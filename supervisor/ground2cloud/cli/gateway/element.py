"""`ground2cloud gateway element`: keys for callers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import msgspec

from ground2cloud.cli.gateway.opening import office, say
from ground2cloud.cli.gateway.spans import Span
from ground2cloud.cli.group import Group
from ground2cloud.cli.settings import Settings, common_options
from ground2cloud.cli.table import Cell, columns
from ground2cloud.cli.words import count
from ground2cloud.core.clock import iso, wall
from ground2cloud.errors import Ground2CloudError

if TYPE_CHECKING:
    from ground2cloud.registry.records import Element


@click.group(cls=Group)
@common_options
def element() -> None:
    """Keys with which callers reach applications.

    An element is a caller in the cloud: an application, a job, a person. Its key opens the
    registrations or services that it was added for, and nothing else.
    """


@element.command()
@common_options
@click.argument("name")
@click.option(
    "--grant",
    "grants",
    multiple=True,
    required=True,
    metavar="ID[/SERVICE]",
    help="A registration, or one service of it: 1001 or 1001/postgres. May be repeated.",
)
@click.option("--expires", type=Span(), help="Refused after so long: 30d (else never).")
@click.option("--network", "networks", multiple=True, help="Only from there: 10.0.0.0/8.")
@click.option("--connections", type=click.IntRange(min=1), help="Most connections at once.")
@click.option("--rate", type=click.IntRange(min=1), help="Most requests a second.")
@click.pass_obj
def add(
    settings: Settings,
    *,
    name: str,
    grants: tuple[str, ...],
    expires: float | None,
    networks: tuple[str, ...],
    connections: int | None,
    rate: int | None,
) -> None:
    """Make an element key and print it; it is kept nowhere and can't be shown again.

    A caller sends it in the header Ground2Cloud-Key, or with CONNECT in Proxy-Authorization.
    """
    from ground2cloud.registry.records import Grant  # noqa: PLC0415 - or --help would load it
    from ground2cloud.registry.tokens import digest, new_token  # noqa: PLC0415 - the same

    wanted = [Grant(*_grant(text)) for text in grants]
    with office(settings) as here:
        key, now = new_token(), wall()
        made = here.registry.add_element(
            name,
            digest(key),
            wanted,
            now,
            expires_at=None if expires is None else now + expires,
            networks=networks,
            connections=connections,
            rate=rate,
        )
        here.note("element-added", element=made.id, name=made.name, grants=list(grants))
        # It exists from now on, also where the gateway can't take it up yet.
        click.echo(key)
        say(f"element {made.id} ({made.name}): keep its key, it is not shown again", err=True)
        here.tell()


@element.command(name="list")
@common_options
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.pass_obj
def list_(settings: Settings, *, as_json: bool) -> None:
    """List the elements, those that are revoked or have expired too."""
    with office(settings) as here:
        found, now = here.registry.elements(), wall()
    if as_json:
        shown = [_public(msgspec.to_builtins(each)) for each in found]
        click.echo(msgspec.json.format(msgspec.json.encode({"elements": shown}), indent=2))
        return
    for line in element_lines(found, now):
        click.echo(line)


@element.command()
@common_options
@click.argument("which", metavar="ID|NAME")
@click.pass_obj
def revoke(settings: Settings, *, which: str) -> None:
    """Revoke an element's key: it is refused from now on, and its connections end."""
    with office(settings) as here:
        living = [each for each in here.registry.elements() if each.revoked_at is None]
        found = find(which, living)
        if found is None:
            raise Ground2CloudError(
                f"no element {which} has a key", "ground2cloud gateway element list shows them"
            )
        here.registry.revoke_element(found.id, wall())
        here.note("element-revoked", element=found.id, name=found.name)
        here.tell()
    say(f"the key of element {found.id} ({found.name}) is revoked")


def element_lines(elements: Sequence["Element"], now: float) -> list[str]:
    """Set elements as a table."""
    titles = ("ELEMENT", "NAME", "STATE", "OPENS", "FROM", "LIMITS", "EXPIRES")
    rows = [[Cell(title) for title in titles]]
    for each in elements:
        expired = each.expires_at is not None and each.expires_at <= now
        state = "revoked" if each.revoked_at else "expired" if expired else "good"
        opens = ", ".join(
            f"{grant.registration}/{grant.service}" if grant.service else str(grant.registration)
            for grant in each.grants
        )
        limits = [count(each.connections, "connection")] if each.connections else []
        limits += [f"{each.rate}/s"] if each.rate else []
        until = iso(each.expires_at) if each.expires_at is not None else "never"
        source = ", ".join(each.networks) or "any"
        texts = (str(each.id), each.name, state, opens, source, ", ".join(limits) or "none", until)
        rows.append([Cell(text) for text in texts])
    return columns(rows)


def find(which: str, elements: Sequence["Element"]) -> "Element | None":
    """Return the element with this ID, else the one with this name."""
    by_id = (each for each in elements if str(each.id) == which)
    return next(by_id, None) or next((each for each in elements if each.name == which), None)


def _grant(text: str) -> tuple[int, str | None]:
    number, _, service = text.partition("/")
    if not (number.isascii() and number.isdigit()):
        raise Ground2CloudError(
            f'expected a registration or one service of it, got "{text}"',
            "such as 1001 or 1001/postgres",
        )
    return int(number), service or None


def _public(element: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in element.items() if name != "key_hash"}
