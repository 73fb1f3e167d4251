"""The other end of the gateway's local API, for the command line."""

from ground2cloud.web.client import REQUEST_TIMEOUT, ApiClient
from ground2cloud.web.gateway_messages import Agents, GatewayStatus
from ground2cloud.web.messages import Answer

AGENTS_TIMEOUT = 20.0
"""Seconds; ten thousand registrations take a few."""


class GatewayClient(ApiClient):
    """Asks one running gateway. Every call may raise `Ground2CloudError`."""

    who = "the gateway"
    run = "ground2cloud gateway run"

    def gateway(self) -> GatewayStatus:
        """Ask what is known now."""
        return self._ask("GET", "/v1/status", GatewayStatus, AGENTS_TIMEOUT)

    def agents(self) -> Agents:
        """Ask for all registrations."""
        return self._ask("GET", "/v1/agents", Agents, AGENTS_TIMEOUT)

    def refresh(self, registration: int | None = None) -> Answer:
        """Have a change of the registry taken up; wait until it is in force."""
        path = "/v1/refresh"
        if registration is not None:
            path = f"/v1/registrations/{registration}/refresh"
        return self._ask("POST", path, Answer, REQUEST_TIMEOUT)
