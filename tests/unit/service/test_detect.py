"""The service manager that runs counts, not one that is installed."""

from pathlib import Path

import pytest

from ground2cloud.errors import Ground2CloudError
from ground2cloud.service import managers
from ground2cloud.service.detect import detect


def nothing(_: str) -> None:
    """A machine without any program."""


@pytest.mark.parametrize(
    ("place", "manager"),
    [
        ("run/systemd/system", "systemd"),
        ("run/openrc/softlevel", "openrc"),
        ("run/service", "s6"),
        ("run/runit", "runit"),
        ("etc/service", "runit"),
    ],
)
def test_each_leaves_a_sign_where_it_runs(tmp_path: Path, place: str, manager: str) -> None:
    (tmp_path / place).mkdir(parents=True)
    assert detect("linux", tmp_path, nothing) == manager


def test_what_runs_wins_over_what_is_installed(tmp_path: Path) -> None:
    def everything(program: str) -> str:
        return f"/usr/bin/{program}"

    (tmp_path / "run/runit").mkdir(parents=True)
    assert detect("linux", tmp_path, everything) == "runit"


def test_systemd_wins_over_what_it_may_start(tmp_path: Path) -> None:
    for place in ("run/systemd/system", "etc/service", "run/service"):
        (tmp_path / place).mkdir(parents=True)
    assert detect("linux", tmp_path, nothing) == "systemd"


def test_other_systems_have_one_each(tmp_path: Path) -> None:
    assert detect("win32", tmp_path, nothing) == "nssm"
    assert detect("darwin", tmp_path, nothing) == "launchd"


def test_nothing_to_be_seen_is_said(tmp_path: Path) -> None:
    assert detect("linux", tmp_path, nothing) is None


def test_an_unknown_manager_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Ground2CloudError, match="no service manager upstart") as caught:
        managers.find("upstart")
    assert "systemd, systemd-user" in caught.value.hint


def test_every_manager_that_can_be_found_can_be_loaded() -> None:
    assert {"systemd", "systemd-user"} <= set(managers.names())
    for name in managers.names():
        assert callable(managers.get(managers.find(name)).service)
