"""What the registry refuses reaches an agent as the API document says it may."""

import re
from collections.abc import Callable

import pytest

from ground2cloud.backchannel import calls
from ground2cloud.backchannel.calls import Call
from ground2cloud.registry.errors import RefusedError
from ground2cloud.registry.store import Registry
from ground2cloud.roles.gateway.refusals import refusal

CALLS: dict[Call, Callable[..., object]] = {
    calls.REGISTER: Registry.register,
    calls.SERVICES: Registry.set_services,
    calls.KEY: Registry.propose_key,
    calls.UNREGISTER: Registry.unregister,
}


def reasons(method: Callable[..., object]) -> list[str]:
    """The reasons that a method's docstring gives for a refusal."""
    text = (method.__doc__ or "").partition("RefusedError:")[2]
    return re.findall(r"revoked|[a-z]+(?:-[a-z]+)+", text)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_every_refusal_of_the_registry_is_one_of_the_documents(call: Call) -> None:
    found = reasons(CALLS[call])
    assert "revoked" in found
    for reason in found:
        assert refusal(RefusedError(reason, "")).slug in call.all_refusals, reason
