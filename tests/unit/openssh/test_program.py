"""Versions, and what an ssh of a version can do."""

import sys

import pytest

from ground2cloud.core.spec import Outcome, Verdict
from ground2cloud.openssh.aes import has_aes
from ground2cloud.openssh.program import SshProgram, find_ssh, parse_version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19 27 Jan 2026", (9, 2)),
        ("OpenSSH_10.0p2 Debian-5, OpenSSL 3.5.1 1 Jul 2025", (10, 0)),
        ("OpenSSH_9.6p1, LibreSSL 3.3.6", (9, 6)),
        ("OpenSSH_for_Windows_8.1p1, LibreSSL 3.0.2", (8, 1)),
        ("OpenSSH_for_Windows_9.8p2 Win32-OpenSSH-GitHub, LibreSSL 4.0.0", (9, 8)),
        ("OpenSSH_8.9, OpenSSL 1.1.1n", (8, 9)),
        ("Dropbear v2022.83", None),
        ("plink: Release 0.78", None),
        ("usage: ssh [-V] for OpenSSH_9.9", None),
        ("", None),
    ],
)
def test_the_version_is_read_from_what_ssh_prints(
    text: str, version: tuple[int, int] | None
) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("version", "features"),
    [
        ((7, 4), ""),
        ((8, 0), "cipher_prefix"),
        ((8, 4), "cipher_prefix known_hosts_tokens"),
        ((8, 6), "cipher_prefix known_hosts_tokens log_verbose"),
        ((8, 7), "cipher_prefix known_hosts_tokens log_verbose escapes"),
        ((10, 5), "cipher_prefix known_hosts_tokens log_verbose escapes"),
    ],
)
def test_features_come_with_the_version(version: tuple[int, int], features: str) -> None:
    program = SshProgram("ssh", version, "")
    names = ("cipher_prefix", "known_hosts_tokens", "log_verbose", "escapes")
    assert " ".join(name for name in names if getattr(program, name)) == features


async def test_a_missing_ssh_is_a_lasting_cause_with_a_way_to_mend_it() -> None:
    verdict = await find_ssh("no-such-ssh-anywhere")
    assert isinstance(verdict, Verdict)
    assert (verdict.reason, verdict.outcome) == ("ssh-missing", Outcome.PERMANENT)
    assert "no-such-ssh-anywhere" in verdict.message
    assert "OpenSSH" in verdict.hint


async def test_another_program_is_not_taken_for_ssh() -> None:
    verdict = await find_ssh(sys.executable)
    assert isinstance(verdict, Verdict)
    assert (verdict.reason, verdict.outcome) == ("ssh-unusable", Outcome.PERMANENT)
    assert "Python" in verdict.evidence


def test_the_processor_is_asked_once() -> None:
    assert has_aes() is has_aes()
    assert has_aes.cache_info().misses <= 1
