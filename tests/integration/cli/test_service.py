"""`ground2cloud service`, as far as it goes without a service manager; tests/services has them."""

import pytest

from ground2cloud.service import managers
from ground2cloud.service.seal import is_sealed
from tests.lab.command import Command


def test_an_unknown_manager_is_refused_with_those_that_there_are(command: Command) -> None:
    for name in ("install", "uninstall", "status", "print"):
        ended = command("service", name, "--manager", "upstart")
        assert ended.code == 1
        assert ended.err.splitlines()[0] == "ground2cloud: there is no service manager upstart"
        assert all(known in ended.err for known in managers.names())


def test_print_shows_every_file_and_one_alone_as_it_is(command: Command) -> None:
    every = command("service", "print", "--manager", "systemd").out
    assert "# not installed: dynamic-user.conf" in every
    for name in ("ground2cloud.service", "ground2cloud.conf", "dynamic-user.conf"):
        alone = command("service", "print", "--manager", "systemd", name)
        assert alone.code == 0
        assert is_sealed(alone.out)
        assert (alone.out in every) == (name != "dynamic-user.conf")


def test_print_of_a_file_that_is_not_there_names_those_that_are(command: Command) -> None:
    ended = command("service", "print", "--manager", "systemd", "nonsense")
    assert ended.code == 1
    assert "ground2cloud.service, dynamic-user.conf" in ended.err


@pytest.mark.parametrize("name", ["Berlin", "agent"])
def test_an_instance_that_can_not_be_is_refused(command: Command, name: str) -> None:
    ended = command("service", "print", "--manager", "systemd", "--instance", name)
    assert ended.code == 1
    assert f'an instance can\'t be called "{name}"' in ended.err
