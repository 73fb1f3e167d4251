"""What is told of a private key, asked of the real ssh-keygen."""

import subprocess
from pathlib import Path

import pytest

from ground2cloud.openssh import system
from ground2cloud.openssh.keys import KeyReport, check_key


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A good key, in a place with a space in its name."""
    path = tmp_path / "my key"
    keygen("-t", "ed25519", "-N", "", "-C", "a comment", "-f", str(path))
    return path


def keygen(*arguments: str) -> str:
    done = subprocess.run(["ssh-keygen", *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def bad(report: KeyReport, problem: str, *words: str) -> None:
    """Hold a report on a bad key against what is expected; `words` stand in message or hint."""
    assert report.problem == problem, report
    assert not report.usable
    assert not report.public_key
    for word in words:
        assert word in report.message + report.hint


async def test_a_good_key_is_told_with_its_public_half_and_fingerprint(key: Path) -> None:
    report = await check_key(key)
    assert report.usable, report
    assert report.public_key.split()[:2] == key.with_suffix(".pub").read_text().split()[:2]
    assert report.fingerprint == keygen("-l", "-f", str(key)).split()[1]


@pytest.mark.parametrize("kind", [("rsa", "-m", "PEM"), ("ecdsa",)])
async def test_other_kinds_and_formats_are_good_too(tmp_path: Path, kind: tuple[str, ...]) -> None:
    path = tmp_path / "key"
    keygen("-t", *kind, "-N", "", "-f", str(path))
    path.with_suffix(".pub").unlink()  # the private file is enough
    report = await check_key(path)
    assert report.usable, report
    assert report.fingerprint.startswith("SHA256:")


async def test_a_missing_key(tmp_path: Path) -> None:
    path = tmp_path / "none"
    bad(await check_key(path), "missing", str(path), "ssh-keygen -t ed25519")


async def test_a_key_that_others_may_read_and_its_cure(key: Path) -> None:
    key.chmod(0o640)
    bad(await check_key(key), "too-open", "chmod 600", str(key))
    assert await system.restrict_key(key) == ""
    assert (await check_key(key)).usable


async def test_a_cure_that_fails_says_why(tmp_path: Path) -> None:
    assert "No such file" in await system.restrict_key(tmp_path / "none")


@pytest.mark.parametrize("form", [(), ("-m", "PEM")])
async def test_a_key_with_a_passphrase(key: Path, form: tuple[str, ...]) -> None:
    keygen("-q", "-p", "-P", "", "-N", "secret", *form, "-f", str(key))
    bad(await check_key(key), "encrypted", "passphrase", "ssh-keygen -p")


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"\0" * 100_000])
async def test_a_file_that_is_no_key(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    bad(await check_key(path), "unreadable", str(path))


async def test_the_public_half_in_place_of_the_private_one(key: Path) -> None:
    public = key.with_suffix(".pub")
    public.chmod(0o600)
    bad(await check_key(public), "unreadable", ".pub")


async def test_a_directory_in_place_of_a_key(tmp_path: Path) -> None:
    assert not (await check_key(tmp_path)).usable


async def test_a_file_as_a_directory_in_the_path(key: Path) -> None:
    bad(await check_key(key / "below"), "unreadable", "Not a directory")


async def test_no_ssh_keygen(key: Path, tmp_path: Path) -> None:
    bad(await check_key(key, str(tmp_path / "no-keygen")), "unknown", "install OpenSSH")
