"""Whether a gateway can begin anew and keep its lanes."""

import os
from pathlib import Path

from ground2cloud.config.gateway_model import GatewayConfig
from ground2cloud.config.load import load_gateway
from ground2cloud.config.locations import GatewayLocations, locate_gateway
from ground2cloud.errors import ConfigError
from ground2cloud.web.messages import Answer


def refusal(path: Path, config: GatewayConfig, places: GatewayLocations) -> Answer | None:
    """Return why not: the next run would fail, or not find the lanes that it is to keep.

    Args:
        path: the configuration file, which the next run will read.
        config: what this run began with.
        places: where this run has things.
    """
    try:
        found = load_gateway(path)
    except ConfigError as error:
        return Answer(ok=False, problems=tuple(map(str, error.problems)))
    if (found.gateway.user, locate_gateway(found, path, os.environ)) == (
        config.gateway.user,
        places,
    ):
        return None
    return Answer(
        ok=False,
        message="the account or the directories in the file are others than those in use",
        hint="lanes can't be kept over that: stop the gateway and start it",
    )
