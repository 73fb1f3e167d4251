"""The JSON Schemas of `agent.toml` and `gateway.toml`, for editors that complete and check."""

from typing import Any

import msgspec

from ground2cloud.config.gateway_model import GatewayConfig
from ground2cloud.config.model import AgentConfig

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Make the schema from the model. What `rules.py` checks besides is not all in it."""
    made = msgspec.json.schema(AgentConfig)
    gateway = made["$defs"]["Gateway"]
    gateway["oneOf"] = [{"required": ["host_key"]}, {"required": ["known_hosts"]}]
    return {"$schema": _DIALECT, "title": "Ground2Cloud agent.toml", **_without_null(made)}


def gateway_schema() -> dict[str, Any]:
    """Make the schema of `gateway.toml`. What `gateway_rules.py` checks besides is not in it."""
    made = msgspec.json.schema(GatewayConfig)
    return {"$schema": _DIALECT, "title": "Ground2Cloud gateway.toml", **_without_null(made)}


def _without_null(node: Any) -> Any:  # noqa: ANN401 - any piece of JSON
    """Take out `null`: TOML has none, what may be null here may be left out there."""
    if isinstance(node, list):
        return [_without_null(item) for item in node if item != {"type": "null"}]
    if not isinstance(node, dict):
        return node
    kept = {key: _without_null(value) for key, value in node.items() if value is not None}
    match kept.get("anyOf"):
        case [only]:
            del kept["anyOf"]
            return {**only, **kept}
        case _:
            return kept
