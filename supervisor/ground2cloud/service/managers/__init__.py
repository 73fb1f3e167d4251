"""The service managers that are supported: each a module here, named as the user names it.

To add one: a module `NAME.py` (`-` in the name is `_`) with a function
`service(context: Context) -> Service`, and its templates in `service_wrappers/`.
"""

import pkgutil
from importlib import import_module
from typing import Protocol, cast

from ground2cloud.errors import Ground2CloudError
from ground2cloud.service.context import Context
from ground2cloud.service.detect import detect
from ground2cloud.service.plan import Service

FOR_GATEWAYS = ("systemd",)
"""The managers of which a gateway can be a service: it needs ports below 1024 and is not root."""


class Manager(Protocol):
    """What a module of this package offers."""

    def service(self, context: Context) -> Service:
        """Describe how this manager runs the service."""
        ...


def names() -> list[str]:
    """Name all managers."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def find(name: str | None) -> str:
    """Answer with this name if there is such a manager; without one, with that of the machine.

    Raises:
        Ground2CloudError: there is no such manager, or none to be seen.
    """
    known = ", ".join(names())
    chosen = name or detect()
    if chosen is None:
        raise Ground2CloudError(
            "no service manager to be seen on this machine", f"--manager names one of: {known}"
        )
    if chosen not in names():
        found = "there is no" if name else "this machine has a"
        raise Ground2CloudError(
            f"{found} service manager {chosen}" + ("" if name else ", which is not supported"),
            f"--manager names one of: {known}",
        )
    return chosen


def require_gateways(name: str) -> None:
    """Make sure that a gateway can be a service of this manager.

    Raises:
        Ground2CloudError: it can't.
    """
    if name not in FOR_GATEWAYS:
        raise Ground2CloudError(
            f"a gateway can't be a service of {name}, only of {', '.join(FOR_GATEWAYS)}",
            "start `ground2cloud gateway run` as root by any means that this machine has:"
            " it becomes the account that gateway.toml names",
        )


def get(name: str) -> Manager:
    """Answer with the module of a manager that `find` has named."""
    return cast("Manager", import_module(f"{__name__}.{name.replace('-', '_')}"))
