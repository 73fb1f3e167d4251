"""Finding the real ssh, and programs that are none."""

from pathlib import Path

import pytest

from ground2cloud.core.spec import Outcome, Verdict
from ground2cloud.openssh.program import SshProgram, find_ssh
from ground2cloud.openssh.system import _posix


def script(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


async def test_the_ssh_of_this_machine_is_found() -> None:
    program = await find_ssh("ssh")
    assert isinstance(program, SshProgram)
    assert Path(program.path).is_absolute()
    assert program.version >= (9, 2)
    assert program.text.startswith("OpenSSH_")
    assert Path(program.sibling("ssh-keygen")).is_file()
    assert program.sibling("no-such-program") == "no-such-program"


async def test_it_is_found_by_its_path_too(tmp_path: Path) -> None:
    words = "OpenSSH_10.0p2 Debian-5, OpenSSL 3.5.1"
    wrapper = script(tmp_path / "my ssh", "echo warning: something >&2", f"echo '{words}' >&2")
    program = await find_ssh(str(wrapper))
    assert program == SshProgram(str(wrapper), (10, 0), words)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["echo 'Dropbear v2022.83'"], "not OpenSSH"),
        (["exit 1"], "not OpenSSH"),
        (["echo OpenSSH_6.6.1p1 >&2"], "older than OpenSSH 7.4"),
    ],
)
async def test_a_program_that_is_no_use(tmp_path: Path, lines: list[str], words: str) -> None:
    verdict = await find_ssh(str(script(tmp_path / "ssh", *lines)))
    assert isinstance(verdict, Verdict)
    assert (verdict.reason, verdict.outcome) == ("ssh-unusable", Outcome.PERMANENT)
    assert words in verdict.message
    assert "[ssh] program" in verdict.hint


async def test_a_file_that_may_not_be_run(tmp_path: Path) -> None:
    (tmp_path / "ssh").write_text("#!/bin/sh\n")
    verdict = await find_ssh(str(tmp_path / "ssh"))
    assert isinstance(verdict, Verdict)
    assert verdict.reason == "ssh-missing"


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu sse2 ssse3 aes xsave avx\n", True),
        ("processor\t: 0\nflags\t\t: fpu sse2 ssse3 xsave avx vaes_x\n", False),
        ("processor : 0\nFeatures\t: fp asimd evtstrm aes pmull sha1\n", True),
        ("processor : 0\nFeatures\t: half thumb fastmult vfp edsp neon\n", False),
        ("model name : aes\n", False),
    ],
)
def test_aes_is_read_from_linux_list_of_features(
    tmp_path: Path, cpuinfo: str, *, expected: bool
) -> None:
    """As on an Intel, a Raspberry Pi 5 and 2, and a name that only sounds like it."""
    file = tmp_path / "cpuinfo"
    file.write_text(cpuinfo)
    assert _posix.has_aes(file) is expected


def test_without_the_list_aes_is_not_assumed(tmp_path: Path) -> None:
    assert _posix.has_aes(tmp_path / "none") is False
