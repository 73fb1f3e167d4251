"""The links that only a registered agent has: the registration itself, and the backchannel."""

import contextlib

from msgspec.structs import replace

from ground2cloud.backchannel.errors import UnreachableError
from ground2cloud.config.identity import Identity
from ground2cloud.config.locations import Locations
from ground2cloud.errors import ConfigError, Ground2CloudError
from ground2cloud.roles.doctor.finding import Finding, bad, good
from ground2cloud.roles.registration.asking import ask, client_of
from ground2cloud.roles.registration.link import SKEWED, say_skew
from ground2cloud.roles.registration.placing import NOT_REGISTERED, REGISTER_HINT
from ground2cloud.roles.registration.store import Store

_WITHIN = 5.0
_CLOCKS = "let a time server set both clocks: timedatectl set-ntp true"


def look_at_identity(places: Locations) -> tuple[Finding, Identity | None]:
    """See whether this agent is registered, and with whom."""
    try:
        identity = Store(places.state).read()
    except ConfigError as error:
        return bad("registration", error.message, error.hint), None
    if identity is None:
        return bad("registration", NOT_REGISTERED, REGISTER_HINT), None
    name = f" ({identity.name})" if identity.name else ""
    where = identity.backchannel.host
    more = "; a new key is not proven yet: run rotate-key again" if identity.next_key else ""
    found = good("registration", f"number {identity.registration}{name} of {where}{more}")
    return found, identity


async def look_at_backchannel(places: Locations, identity: Identity) -> Finding:
    """See whether the gateway answers, is the one of the join string, and knows this agent.

    It is told the services that it knows already, which changes nothing there: those of this very
    moment, since the running agent may have told it of others in the meantime.
    """
    with contextlib.suppress(ConfigError):
        identity = Store(places.state).read() or identity
    line, client = identity.backchannel, client_of(identity, within=_WITHIN)
    services = [(each.name, each.kind) for each in identity.service]
    try:
        await ask(lambda: client.set_services(services), within=_WITHIN)
    except UnreachableError as error:
        hint = error.hint or (
            f"let this machine reach {line.host} port {line.port}; lanes go on without it"
        )
        return bad("backchannel", error.message, hint)
    except Ground2CloudError as error:
        return bad("backchannel", error.message, error.hint)
    found = good("backchannel", f"{line.host} port {line.port} answers and knows this agent")
    if client.timing is None:
        return found
    skew = client.timing.skew
    words = f"{found.message}; {say_skew(skew)}"
    return replace(found, message=words, hint=_CLOCKS if abs(skew) >= SKEWED else "")
