"""NSSM: which one is taken, what it is told, and who may read what."""

import os
from pathlib import Path

import pytest

from ground2cloud.config.directories import Directories
from ground2cloud.errors import Ground2CloudError
from ground2cloud.service.access import only_for, service_sid
from ground2cloud.service.context import Context
from ground2cloud.service.managers.nssm import describe, settings
from ground2cloud.service.nssm_program import find, refusal
from ground2cloud.service.plan import Run
from ground2cloud.service.seal import is_sealed


def context(home: Path, program: str = "python.exe") -> Context:
    return Context(
        program=(str(home / program), "-P", "-m", "ground2cloud"),
        config=home / "a b" / "agent.toml",
        directories=Directories(*(home / name for name in ("a b", "state", "run", "logs"))),
        keys=(home / "a b" / "id_ed25519",),
    )


def test_the_sid_of_a_service_is_the_one_windows_computes() -> None:
    """TrustedInstaller's is the same on every Windows, and widely printed."""
    known = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
    assert service_sid("TrustedInstaller") == service_sid("trustedinstaller") == known


@pytest.mark.parametrize(
    "said",
    [
        "NSSM 2.24-101-g897c7ad 64-bit 2017-04-26",
        "NSSM 2.24-103-gdee49fc 32-bit 2017-05-16",
        "NSSM 2.25 64-bit",
        "NSSM 3.0",
    ],
)
def test_newer_versions_are_taken(said: str) -> None:
    assert refusal(said) == ""


@pytest.mark.parametrize(
    "said",
    ["NSSM 2.24 64-bit 2014-08-31", "NSSM 2.24-94-g9c88bc1 64-bit", "NSSM 2.16", "hello", ""],
)
def test_others_are_refused(said: str) -> None:
    assert refusal(said) != ""


def test_the_stable_version_is_refused_with_the_reason() -> None:
    assert refusal("NSSM 2.24 64-bit 2014-08-31") == (
        "it is 2.24; on Windows 10 and later, services need 2.24-101 or a newer one to start"
    )


def test_without_nssm_it_is_said_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(Ground2CloudError) as caught:
        find(tmp_path, {"PATH": ""})
    assert "nssm.cc" in caught.value.hint


def test_what_lies_in_the_current_directory_is_never_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nssm.exe").write_bytes(b"evil")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Ground2CloudError, match="not on this machine"):
        find(tmp_path / "bin", {"PATH": os.pathsep.join(("", ".", "bin"))})


def test_a_program_that_is_no_nssm_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nssm.exe").write_bytes(b"not a program")
    with pytest.raises(Ground2CloudError, match="can't be used"):
        find(tmp_path, {"PATH": ""})


def test_paths_with_spaces_are_quoted_and_python_has_a_console(tmp_path: Path) -> None:
    told = {key: value for key, *value in settings(context(tmp_path, "pythonw.exe"))}
    assert told["Application"] == [str(tmp_path / "python.exe")]
    config = tmp_path / "a b" / "agent.toml"
    quoted = f'"{config}"' if " " in str(config) else str(config)
    assert told["AppParameters"] == [f"-P -m ground2cloud run --config {quoted} --quiet"]


def test_a_bad_configuration_is_not_retried_and_all_else_is(tmp_path: Path) -> None:
    exits = [value for key, *value in settings(context(tmp_path)) if key == "AppExit"]
    assert exits == [["Default", "Restart"], ["78", "Exit"]]


def test_the_account_is_set_before_anything_starts_and_its_failure_counts(tmp_path: Path) -> None:
    described = describe(context(tmp_path), tmp_path / "nssm.exe")
    account = ("sc.exe", "config", "ground2cloud", "obj=", "NT SERVICE\\ground2cloud")
    assert Run(account) in described.register
    assert is_sealed(described.files[0].text)


def test_a_key_is_for_the_service_and_the_administrators(tmp_path: Path) -> None:
    *_, last = only_for(tmp_path / "key", "ground2cloud")
    names = [word.partition(":")[0] for word in last.argv if word.startswith("*")]
    assert names == ["*S-1-5-18", "*S-1-5-32-544", f"*{service_sid('ground2cloud')}"]
    assert "/inheritance:r" in last.argv
