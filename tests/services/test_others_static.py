"""What is written for the managers besides systemd, without starting anything.

launchd is macOS's: its property list can only be read here, never run.
"""

import plistlib
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
import yaml

from ground2cloud.config.directories import Directories
from ground2cloud.service import managers
from ground2cloud.service.context import Context
from ground2cloud.service.plan import Service
from ground2cloud.service.seal import is_sealed
from tests.services.lab.container import DOCKERFILE
from tests.services.lab.machine import CHECKOUT

LAB = Path(__file__).with_name("lab")
GOLDEN = Path(__file__).with_name("golden")

AWKWARD = "/opt/ground 2 cloud's & <co>/bin/ground2cloud"
"""A program where every format has to quote."""

SCRIPTED = ("openrc", "runit", "s6")

# Read by openrc-run, which the script is for.
_READ_ELSEWHERE = "SC2034"


def described(manager: str, program: str = "/opt/ground2cloud/bin/ground2cloud") -> Service:
    """What would be installed on any machine."""
    base = Path("/")
    directories = Directories(
        base / "etc/ground2cloud",
        base / "var/lib/ground2cloud",
        base / "run/ground2cloud",
        base / "var/log/ground2cloud",
    )
    config = directories.configuration / "agent.toml"
    context = Context(program=(program,), config=config, directories=directories)
    return managers.get(manager).service(context)


def tool(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found, f"there is no {name}: make setup"
    return found


def shellcheck(*files: Path) -> None:
    argv = [tool("shellcheck"), "--shell=sh", f"--exclude={_READ_ELSEWHERE}", *map(str, files)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def job(program: str) -> dict[str, object]:
    (file,) = described("launchd", program).files
    parsed: dict[str, object] = plistlib.loads(file.text.encode())
    return parsed


@pytest.mark.parametrize(
    "manager", [pytest.param(name, marks=pytest.mark.lane(name)) for name in (*SCRIPTED, "launchd")]
)
def test_print_shows_what_install_writes_and_what_was_reviewed(manager: str) -> None:
    """Golden files: a change of a template is seen, in the words that a machine gets."""
    files = described(manager).files
    assert all(is_sealed(file.text) for file in files)
    printed = "\n".join(f"# {file.path.as_posix()} {file.mode:o}\n{file.text}" for file in files)
    assert printed == (GOLDEN / f"{manager}.txt").read_text("utf-8")


@pytest.mark.parametrize(
    "manager", [pytest.param(name, marks=pytest.mark.lane(name)) for name in SCRIPTED]
)
def test_scripts_are_good_shell_wherever_the_program_is(manager: str, tmp_path: Path) -> None:
    for number, file in enumerate(described(manager, AWKWARD).files):
        assert file.mode == 0o755
        script = tmp_path / f"{number}-{PurePosixPath(file.path).name}"
        script.write_text(file.text)
        shellcheck(script)


def test_the_boot_scripts_of_the_lab_are_good_shell() -> None:
    scripts = [path for path in (LAB / "inits").iterdir() if path.is_file() and not path.suffix]
    assert len(scripts) == 3
    shellcheck(*scripts)


@pytest.mark.lane("launchd")
@pytest.mark.shows("start", "not run on a Mac: `RunAtLoad`")
@pytest.mark.shows("crash", "not run on a Mac: `KeepAlive`, again after 5 s")
@pytest.mark.shows("stop", "not run on a Mac: SIGTERM, SIGKILL after 20 s")
def test_the_property_list_restarts_what_failed_and_gives_it_time_to_end() -> None:
    read = job(AWKWARD)
    assert read["Label"] == "ground2cloud"
    assert read["RunAtLoad"] is True
    assert read["KeepAlive"] == {"SuccessfulExit": False}
    assert read["ThrottleInterval"] == 5
    assert read["ExitTimeOut"] == 20
    assert read["UserName"] == read["GroupName"] == "ground2cloud"
    assert read["Umask"] == 0o77


@pytest.mark.lane("launchd")
@pytest.mark.shows("exit 78", "not run on a Mac; its command ends with 0: not tried again")
@pytest.mark.parametrize(
    ("code", "ends", "calls"),
    [(78, 0, ["check"]), (0, 7, ["check", "run"]), (1, 7, ["check", "run"])],
)
def test_the_job_ends_with_0_when_the_configuration_is_bad(
    tmp_path: Path, code: int, ends: int, calls: list[str]
) -> None:
    """Its command line, run by this system's shell; the program only says what it was told."""
    program = tmp_path / "it's a program"
    trace = tmp_path / "trace"
    program.write_text(
        f'#!/bin/sh\necho "$1" >>"{trace}"\ncase $1 in check) exit {code} ;; run) exit 7 ;; esac\n'
    )
    program.chmod(0o755)
    argv = job(str(program))["ProgramArguments"]
    assert isinstance(argv, list)
    assert subprocess.run(argv, check=False, timeout=10).returncode == ends
    assert trace.read_text().split() == calls


@pytest.mark.lane("container")
def test_the_dockerfile_is_good() -> None:
    argv = [tool("hadolint"), "--no-color", str(DOCKERFILE)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.lane("container")
def test_the_compose_file_fits_the_dockerfile() -> None:
    path = DOCKERFILE.with_name("compose.yaml")
    service = yaml.safe_load(path.read_text())["services"]["ground2cloud"]
    build = service["build"]
    context = (path.parent / build["context"]).resolve()
    assert context == CHECKOUT
    assert context / build["dockerfile"] == DOCKERFILE
    assert service["init"] is True
    assert service["restart"] == "on-failure:10"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    owner = "uid=3014,gid=3014"
    assert all(owner in place for place in service["tmpfs"] if "ground2cloud" in place)
    assert "USER 3014:3014" in DOCKERFILE.read_text()
