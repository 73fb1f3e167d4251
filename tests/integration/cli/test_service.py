"""`ground2cloud service`, as far as it goes without a service manager; tests/services has them."""

import sys
from collections.abc import Callable

import pytest

from ground2cloud.cli import main
from ground2cloud.service import managers
from ground2cloud.service.seal import is_sealed
from tests.lab.command import Command, Ended

Service = Callable[..., Ended]

MANAGER, FILES, FURTHER = (
    ("nssm", ("ground2cloud.nssm.txt",), ())
    if sys.platform == "win32"
    else ("systemd", ("ground2cloud.service", "ground2cloud.conf"), ("dynamic-user.conf",))
)
"""The manager that this system may have, what it installs, and what else it has to print."""


@pytest.fixture
def service(capsys: pytest.CaptureFixture[str]) -> Service:
    """Runs `ground2cloud service ARGUMENTS`, without --config."""

    def run(*arguments: str) -> Ended:
        code = main(["service", *arguments])
        return Ended(code, *capsys.readouterr())

    return run


@pytest.mark.parametrize("name", ["status", "print"])
def test_a_configuration_elsewhere_is_refused(command: Command, name: str) -> None:
    """The service would run with the one at its own place."""
    ended = command("service", name, "--manager", MANAGER)
    assert (ended.code, ended.out) == (1, "")
    assert "--config is of no use" in ended.err
    assert "--instance NAME" in ended.err


def test_an_unknown_manager_is_refused_with_those_that_there_are(service: Service) -> None:
    for name in ("install", "uninstall", "status", "print"):
        ended = service(name, "--manager", "upstart")
        assert ended.code == 1
        assert ended.err.splitlines()[0] == "ground2cloud: there is no service manager upstart"
        assert all(known in ended.err for known in managers.names())


def test_print_shows_every_file_and_one_alone_as_it_is(service: Service) -> None:
    every = service("print", "--manager", MANAGER).out
    for name in FURTHER:
        assert f"# not installed: {name}" in every
    for name in (*FILES, *FURTHER):
        alone = service("print", "--manager", MANAGER, name)
        assert alone.code == 0
        assert is_sealed(alone.out)
        assert (alone.out in every) == (name in FILES)


def test_print_of_a_file_that_is_not_there_names_those_that_are(service: Service) -> None:
    ended = service("print", "--manager", MANAGER, "nonsense")
    assert ended.code == 1
    assert all(name in ended.err for name in (*FILES, *FURTHER))


@pytest.mark.skipif(sys.platform != "win32", reason="elsewhere a path has none")
def test_a_manager_of_another_system_refuses_what_it_could_not_run(service: Service) -> None:
    ended = service("print", "--manager", "systemd")
    assert ended.code == 1
    assert ended.err.startswith("ground2cloud: systemd runs no program with \\ in its path: ")


@pytest.mark.parametrize("name", ["Berlin", "agent"])
def test_an_instance_that_can_not_be_is_refused(service: Service, name: str) -> None:
    ended = service("print", "--manager", "systemd", "--instance", name)
    assert ended.code == 1
    assert f'an instance can\'t be called "{name}"' in ended.err
