"""systemd: what its own tools say of the rendered files, without starting anything."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ground2cloud.config import places
from ground2cloud.errors import Ground2CloudError
from ground2cloud.service import managers
from ground2cloud.service.context import Context
from ground2cloud.service.managers.systemd import DROP_INS
from ground2cloud.service.plan import Service

pytestmark = pytest.mark.lane("systemd")

NEWER_ONLY = {
    "newer-systemd": 254,
}
"""Drop-ins that need at least this systemd."""


def described(manager: str = "systemd", instance: str = "", program: str = "") -> Service:
    """What would be installed, with a program that exists; `gateway` is no agent's instance."""
    directories = places.service()
    gateway = instance == "gateway"
    name = f"{instance or 'agent'}.toml"
    context = Context(
        program=(program or sys.executable,),
        config=directories.configuration / name,
        directories=directories.of_instance(instance) if instance else directories,
        instance="" if gateway else instance,
        gateway=gateway,
    )
    return managers.get(manager).service(context)


def analyze(directory: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    assert shutil.which("systemd-analyze"), "there is no systemd-analyze"
    # The colon at the end: and then where systemd always looks.
    environ = {**os.environ, "SYSTEMD_UNIT_PATH": f"{directory}:", "SYSTEMD_COLORS": "0"}
    environ["XDG_RUNTIME_DIR"] = str(directory)  # a user's manager wants one, whatever is in it
    return subprocess.run(
        ["systemd-analyze", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env=environ,
    )


def write(directory: Path, service: Service, *extras: str) -> Path:
    """Write the unit, as the instance that it is, and drop-ins beside it; return the unit."""
    unit = directory / service.unit
    (file,) = (file for file in service.files if file.path.suffix == ".service")
    unit.write_text(file.text)
    for extra in service.extras:
        if extra.path.stem in extras:
            drop_in = directory / extra.path.parent.name / extra.path.name
            drop_in.parent.mkdir(exist_ok=True)
            drop_in.write_text(extra.text)
    return unit


def version() -> int:
    words = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=True)
    return int(words.stdout.split()[1])


@pytest.mark.parametrize("instance", ["", "berlin", "gateway"])
def test_systemd_finds_no_fault_with_the_unit(tmp_path: Path, instance: str) -> None:
    done = analyze(tmp_path, "verify", write(tmp_path, described(instance=instance)))
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_finds_no_fault_with_the_users_unit(tmp_path: Path) -> None:
    done = analyze(tmp_path, "verify", "--user", write(tmp_path, described("systemd-user")))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", DROP_INS)
def test_systemd_finds_no_fault_with_a_drop_in(tmp_path: Path, name: str) -> None:
    """And it is read: one with a fault is complained of."""
    done = analyze(tmp_path, "verify", write(tmp_path, described(), name))
    if version() >= NEWER_ONLY.get(name, 0):
        assert (done.returncode, done.stderr) == (0, "")
    else:
        assert f"{name}.conf" in done.stderr
    (drop_in,) = tmp_path.glob("*.d/*.conf")
    drop_in.write_text("[Service]\nNonsense=1\n")
    assert "Nonsense" in analyze(tmp_path, "verify", tmp_path / "ground2cloud.service").stderr


@pytest.mark.parametrize(("instance", "threshold"), [("", 15), ("berlin", 15), ("gateway", 16)])
def test_the_sandbox_is_tight(tmp_path: Path, instance: str, threshold: int) -> None:
    """The threshold is in tenths: 1.5 of 10, and 1.6 for what has a capability."""
    unit = write(tmp_path, described(instance=instance))
    done = analyze(tmp_path, "security", "--offline=true", f"--threshold={threshold}", unit)
    assert done.returncode == 0, done.stdout


def test_a_path_with_everything_in_it_arrives_as_it_is(tmp_path: Path) -> None:
    """Spaces, and what systemd or a shell would expand. Quotes systemd doesn't take at all."""
    program = tmp_path / "My 100% $HOME $$ folder; #1" / "ground2cloud"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    done = analyze(tmp_path, "verify", write(tmp_path, described(program=str(program))))
    assert (done.returncode, done.stderr) == (0, "")
    program.unlink()
    done = analyze(tmp_path, "verify", tmp_path / "ground2cloud.service")
    assert f"Command {program} is not executable" in done.stderr
    for character in "\"'\\":
        with pytest.raises(Ground2CloudError, match="no program with"):
            described(program=f"/opt/{character}/ground2cloud")


def test_the_account_is_made_by_systemds_own_tool(tmp_path: Path) -> None:
    """In an empty root, where nothing is there before."""
    (file,) = (file for file in described().files if file.path.suffix == ".conf")
    conf = tmp_path / "etc/sysusers.d/ground2cloud.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text(file.text)
    done = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", file.path.name],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    entry = (tmp_path / "etc/passwd").read_text().strip().split(":")
    assert entry[0] == "ground2cloud"
    assert entry[5:] == ["/var/lib/ground2cloud", "/usr/sbin/nologin"]
