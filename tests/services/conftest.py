"""A lab with the program installed, a machine that has booted systemd, and a gateway for it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.services.lab import program
from tests.services.lab.machine import Gateway, Lab, Machine, make_lab
from tests.services.lab.site import Site

NEWER = "99.0.0"
"""A version that comes after every other."""

_numbers = count(1)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The wheels that machines see: `current` and `newer`, and the `directory` they are in."""
    directory = tmp_path_factory.mktemp("wheels")
    newer = program.build_wheel(directory, NEWER)
    return {
        "directory": str(directory),
        "newer": newer,
        "current": program.build_wheel(directory),
    }


@pytest.fixture(scope="session")
def lab(wheels: dict[str, str]) -> Iterator[Lab]:
    """A lab whose machines have the program installed, and nothing of it configured."""
    with make_lab(program.shares(Path(wheels["directory"]))) as made:
        made.prepare(program.installation(wheels["current"]))
        yield made


@pytest.fixture(scope="session")
def gateway(lab: Lab) -> Iterator[Gateway]:
    """The gateway and the application of all machines of one worker."""
    with Gateway(lab) as running:
        yield running


@pytest.fixture
def machine(lab: Lab) -> Iterator[Machine]:
    """A fresh machine that runs systemd."""
    with Machine(lab, f"m{next(_numbers)}") as up:
        yield up


@pytest.fixture
def site(machine: Machine, gateway: Gateway) -> Site:
    """That machine, with a good configuration and a key, and the service not yet installed."""
    made = Site(machine, gateway)
    made.configure()
    return made


@pytest.fixture
def running(site: Site) -> Site:
    """The same with the service installed by the command, and serving."""
    site.install()
    site.wait_served()
    return site


@pytest.fixture
def make_machine(lab: Lab) -> Iterator[Callable[..., Machine]]:
    """Make machines, which are ended after the test."""
    with ExitStack() as stack:
        yield lambda **more: stack.enter_context(Machine(lab, f"m{next(_numbers)}", **more))
