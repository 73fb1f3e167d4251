"""A running gateway, seen from all its sides, and somebody on it whom nothing may touch."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ground2cloud.config.model import Kind
from ground2cloud.registry.store import Registry
from tests.lab.gateway import GatewayLab, LabAgent, Response
from tests.lab.httpapp import HttpApp
from tests.lab.places import short_directory
from tests.lab.registry_rows import SIGHTINGS, dump
from tests.lab.waiting import wait_until

WEB = ("web", Kind.HTTP)


class Place(NamedTuple):
    """What a test sees; the victim has a lane up.

    Attributes:
        authority: the file of the backchannel's CA.
        key: an element key for the victim's application.
    """

    gateway: GatewayLab
    registry: Registry
    authority: Path
    victim: LabAgent
    key: str

    def call(self) -> Response:
        """Call the victim's application."""
        route = {"Ground2Cloud_Route": f"{self.victim.id}/web", "Ground2Cloud_Key": self.key}
        return self.gateway.request(**route)

    def written(self) -> tuple[object, str]:
        """All that a call may have changed: the rows of the registry, and sshd's keys."""
        keys = self.gateway.directory / "run" / "authorized_keys"
        return dump(self.registry, SIGHTINGS), keys.read_text()


@contextmanager
def with_victim(**sections: dict[str, Any]) -> Iterator[Place]:
    """Run a gateway with these sections in its configuration, and the victim."""
    with (
        short_directory() as directory,
        HttpApp() as app,
        GatewayLab(directory, **sections) as gateway,
        closing(Registry(gateway.registry)) as registry,
    ):
        victim = gateway.register(WEB)
        key = gateway.do("element", "add", "caller", "--grant", str(victim.id))
        authority = directory / "ca.crt"
        authority.write_text(victim.client.fetch_authority())
        place = Place(gateway, registry, authority, victim, key)
        with victim.lane({"web": app.port}):
            wait_until(lambda: place.call().status == 200, what="the victim's application")
            yield place
