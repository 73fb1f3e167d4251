"""The text of sshd_config, for what the real sshd of one machine can't show."""

from dataclasses import replace
from pathlib import Path

import pytest

from ground2cloud.openssh.sshd.program import SshdProgram
from ground2cloud.openssh.sshd.render import argv, check_argv, sshd_config
from ground2cloud.openssh.sshd.settings import Listen, SshdPlaces, SshdSettings

ROOT = Path(__file__).anchor
STATE = Path(ROOT, "var", "lib", "ground2cloud")
PROGRAM = SshdProgram("/usr/sbin/sshd", (9, 2), "OpenSSH_9.2p1", "/usr/bin/ssh-keygen")
PLACES = SshdPlaces(
    STATE / "sshd_config", STATE / "authorized_keys", STATE / "host_key", None, STATE
)
SETTINGS = SshdSettings((Listen("0.0.0.0", 22), Listen("::", 2222)), "g2c")


def lines(
    settings: SshdSettings = SETTINGS,
    places: SshdPlaces = PLACES,
    program: SshdProgram = PROGRAM,
    grep: str | None = None,
) -> list[str]:
    return sshd_config(settings, places, program, grep=grep).splitlines()


def test_every_place_to_listen() -> None:
    text = lines()
    assert "ListenAddress 0.0.0.0:22" in text
    assert "ListenAddress [::]:2222" in text


def test_without_a_certificate_there_is_no_line_for_it() -> None:
    assert not any(line.startswith("HostCertificate") for line in lines())
    places = replace(PLACES, host_certificate=STATE / "host_key-cert.pub")
    assert f'HostCertificate "{(STATE / "host_key-cert.pub").as_posix()}"' in lines(places=places)


def test_penalties_only_where_sshd_knows_them() -> None:
    assert not any("PerSourcePenalties" in line for line in lines())
    new = replace(PROGRAM, version=(9, 8))
    assert "PerSourcePenalties no" in lines(program=new)
    assert "PerSourcePenalties yes" in lines(replace(SETTINGS, penalties=True), program=new)


def test_one_address_has_less_than_all_logins() -> None:
    text = lines(replace(SETTINGS, max_startups=80, per_source=20))
    assert "MaxStartups 80" in text
    assert "PerSourceMaxStartups 20" in text


def test_root_is_let_in_only_as_root() -> None:
    assert "PermitRootLogin no" in lines()
    root = lines(replace(SETTINGS, user="root"))
    assert "PermitRootLogin forced-commands-only" in root


def test_keys_from_a_search() -> None:
    text = lines(grep="/usr/bin/grep")
    file = (STATE / "authorized_keys").as_posix()
    assert f'AuthorizedKeysCommand /usr/bin/grep -F -m1 -- %k "{file}"' in text
    assert "AuthorizedKeysCommandUser g2c" in text
    assert "AuthorizedKeysFile none" in text


def test_a_path_with_a_percent_sign() -> None:
    places = replace(PLACES, authorized_keys=STATE / "100%" / "keys")
    file = (STATE / "100%%" / "keys").as_posix()
    assert f'AuthorizedKeysFile "{file}"' in lines(places=places)


@pytest.mark.parametrize("name", ['a"b', "a\nb", "a${b}"])
def test_a_path_that_sshd_would_read_otherwise(name: str) -> None:
    with pytest.raises(ValueError, match=r"can't be written|control character|environment"):
        lines(places=replace(PLACES, host_key=STATE / name))


@pytest.mark.parametrize("user", ["", "a b", "a@host", "*", "!a", "-a", "a%b", "a\n"])
def test_an_account_that_sshd_would_read_otherwise(user: str) -> None:
    with pytest.raises(ValueError, match=r"not an account name|control character"):
        lines(replace(SETTINGS, user=user))


@pytest.mark.parametrize(
    ("address", "port"),
    [("", 22), ("localhost", 22), ("0:0:0:0:0:0:0:1", 22), ("127.0.0.1", 0), ("::1", 65536)],
)
def test_a_place_that_is_none(address: str, port: int) -> None:
    with pytest.raises(ValueError, match=r"not a port|not appear|write ::1"):
        Listen(address, port)


@pytest.mark.parametrize(
    "wrong",
    [
        {"listen": ()},
        {"max_startups": 0},
        {"per_source": 0},
        {"login_grace": 0},
        {"client_alive_interval": 0},
        {"client_alive_count_max": 0},
    ],
)
def test_numbers_that_mean_never(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must be|needs an address|is not from"):
        replace(SETTINGS, **wrong)  # type: ignore[arg-type] # the test names the fields


def test_the_commands() -> None:
    file = Path("/run/x/sshd_config")
    assert argv(PROGRAM, file) == ("/usr/sbin/sshd", "-D", "-e", "-f", str(file))
    assert check_argv(PROGRAM, file) == ("/usr/sbin/sshd", "-t", "-f", str(file))
