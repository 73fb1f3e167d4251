"""Find the configuration that is meant, and the agent that runs on it."""

import os
from pathlib import Path

from ground2cloud.cli.settings import ENVIRONMENT, Settings
from ground2cloud.config.locations import default_config, run_directory
from ground2cloud.web.client import ApiClient, NotRunningError


def config_path(settings: Settings) -> Path:
    """Answer with the file of `--config`, else of the environment, else the usual one."""
    named = settings.config or os.environ.get(ENVIRONMENT)
    return Path(named) if named else default_config()


def find_agent(settings: Settings) -> ApiClient:
    """Answer with a way to ask the agent that runs on this configuration, broken or not.

    Raises:
        NotRunningError: there is none.
    """
    path = config_path(settings)
    try:
        return ApiClient.from_run_dir(run_directory(path, os.environ), run=_run(settings, path))
    except NotRunningError:
        raise not_running(settings) from None


def _run(settings: Settings, path: Path) -> str:
    return "ground2cloud run" + (f" --config {path}" if settings.config else "")


def not_running(settings: Settings) -> NotRunningError:
    """Make the error that says which agent was looked for, and how to start it."""
    path = config_path(settings)
    hint = f"start it with: {_run(settings, path)}"
    if not path.exists():
        option = f" --config {path}" if settings.config else ""
        hint = f"there is no such file yet; write one with: ground2cloud init{option}"
    return NotRunningError(f"the agent of {path} is not running", hint)
