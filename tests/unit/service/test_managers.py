"""What every manager's description keeps, and how systemd's files are written."""

import sys
from pathlib import PurePath

import pytest

from ground2cloud.errors import Ground2CloudError
from ground2cloud.service import managers, plan
from ground2cloud.service.managers.systemd import exec_word
from ground2cloud.service.plan import File, Remove, RemoveAccount, RemoveTree, Run
from ground2cloud.service.seal import is_sealed
from tests.unit.service.examples import context

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the paths are POSIX's")

EVERY = [name for name in managers.names() if name != "nssm"]
"""NSSM's files are commands; it has tests of its own."""


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("instance", ["", "berlin"])
class TestEveryManager:
    """For the first agent of a machine, and for a further one."""

    def test_every_file_is_sealed_and_runs_this_program(self, name: str, instance: str) -> None:
        service = managers.get(name).service(context(instance=instance))
        assert service.files
        assert all(is_sealed(file.text) for file in (*service.files, *service.extras))
        text = "".join(file.text for file in service.files)
        assert "/opt/g2c" in text
        assert "agent.toml" in text or instance

    def test_removal_keeps_what_took_pains_to_make(self, name: str, instance: str) -> None:
        made = context(instance=instance)
        service = managers.get(name).service(made)
        kept = {made.config, made.directories.state, made.directories.logs, *made.keys}
        trees = [step.path for step in plan.uninstall(service) if isinstance(step, RemoveTree)]
        assert not [
            path for path in trees if any(path == own or path in own.parents for own in kept)
        ]
        assert not [s for s in plan.uninstall(service) if isinstance(s, RemoveAccount)]
        purged = plan.uninstall(service, purge=True)
        gone = {step.path for step in purged if isinstance(step, RemoveTree)}
        assert kept - set(made.keys) <= gone

    def test_all_that_is_written_is_removed(self, name: str, instance: str) -> None:
        service = managers.get(name).service(context(instance=instance))
        written = {step.path for step in plan.install(service) if isinstance(step, File)}
        removed = {step.path for step in plan.uninstall(service) if isinstance(step, Remove)}
        assert written <= removed


@pytest.mark.parametrize("name", managers.names())
def test_a_manager_that_can_not_run_a_gateway_says_so(name: str) -> None:
    if name == "systemd":
        managers.require_gateways(name)
        return
    with pytest.raises(Ground2CloudError, match=f"can't be a service of {name}, only of systemd"):
        managers.require_gateways(name)


@pytest.mark.parametrize("name", EVERY)
def test_two_instances_share_no_place_but_the_configurations_directory(name: str) -> None:
    one, other = context(instance="one"), context(instance="other")
    assert not set(one.directories[1:]) & set(other.directories[1:])
    service = managers.get(name).service(one)
    own = {file.path for file in service.files} - set(service.shared)
    others = {file.path for file in managers.get(name).service(other).files}
    assert not own & others
    assert service.unit != managers.get(name).service(other).unit


def test_the_service_stops_before_its_files_go_and_starts_after_they_came() -> None:
    service = managers.get("systemd").service(context())
    installed, removed = plan.install(service), plan.uninstall(service, purge=True)
    last_file = max(index for index, step in enumerate(installed) if isinstance(step, File))
    reload = next(
        i
        for i, step in enumerate(installed)
        if isinstance(step, Run) and "daemon-reload" in step.argv
    )
    assert last_file < reload
    assert isinstance(removed[0], Run)
    assert "disable" in removed[0].argv


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("/opt/g2c", "/opt/g2c"),
        ("my files", '"my files"'),
        ("100%", "100%%"),
        ("$HOME", "$$HOME"),
        ('a"b', '"a\\"b"'),
        ("a\\b", '"a\\\\b"'),
        ("", '""'),
    ],
)
def test_words_are_written_as_systemd_reads_them(text: str, written: str) -> None:
    assert exec_word(text) == written


def test_an_instance_is_one_file_for_all_instances() -> None:
    units = [
        next(
            file
            for file in managers.get("systemd").service(context(instance=name)).files
            if PurePath(file.path).suffix == ".service"
        )
        for name in ("berlin", "paris")
    ]
    assert units[0] == units[1]
    assert "--config /srv/g2c/etc/%i.toml" in units[0].text
