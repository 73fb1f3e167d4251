"""The rendered ssh_config as text. What the real ssh reads in it is tested in tests/e2e."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from ground2cloud.config.model import Gateway, Ssh
from ground2cloud.config.protected import PROTECTED_OPTIONS
from ground2cloud.openssh.forward import Forward
from ground2cloud.openssh.program import SshProgram
from ground2cloud.openssh.render import (
    PROOF,
    TELLING,
    Places,
    argv,
    check_argv,
    known_hosts_line,
    lane_config,
)

HERE = Path(__file__).parent
ROOT = Path(HERE.anchor) / "g2c"
"""An absolute path on every platform; the expected text says `/g2c`."""

PLACES = Places(
    ROOT / "run" / "lane-1.conf",
    ROOT / "id_ed25519",
    (ROOT / "run" / "known_hosts",),
    ROOT / "run" / "lane-1.sock",
)
PROGRAM = SshProgram("ssh", (9, 2), "OpenSSH_9.2p1", bare_sources=True)
GATEWAY = Gateway(host="gw.example.com", host_key="ssh-ed25519 AAAAC3Nz root@gw")
FORWARDS = (
    Forward("quickbooks", "127.0.0.1", 11081, "localhost", 8080),
    Forward("db", "::1", 11082, "db.internal", 5432),
)


def config(
    ssh: Ssh | None = None,
    gateway: Gateway = GATEWAY,
    places: Places = PLACES,
    program: SshProgram = PROGRAM,
    *,
    aes: bool = True,
) -> str:
    text = lane_config(gateway, ssh or Ssh(), FORWARDS, places, program, aes=aes)
    return text.replace(ROOT.as_posix(), "/g2c")


def test_the_whole_file() -> None:
    """Compare with `lane.conf` beside this test, which was read line by line."""
    text = config(Ssh(options={"AddressFamily": "inet", "TCPKeepAlive": False}))
    assert text == (HERE / "lane.conf").read_text("utf-8")


def test_every_option_that_the_file_sets_is_protected_or_left_to_the_user() -> None:
    """Nothing that the program counts on can come from `[ssh.options]`."""
    texts = [config(Ssh(jump="a@b")), config(program=SshProgram("ssh", (8, 1), ""))]
    ours = {word.lower() for text in texts for word in re.findall(r"(?m)^ +([A-Z]\w+) ", text)}
    left_to_the_user = {"identityagent", "checkhostip", "tcpkeepalive"}
    within_jumps = {"proxycommand", "proxyusefdpass"}  # refused together with ssh.jump
    allowed = left_to_the_user | within_jumps | {"numberofpasswordprompts"}
    assert ours - PROTECTED_OPTIONS <= allowed
    last = config().rpartition("What [ssh.options] may change")[2].lower()
    assert all(name in last for name in left_to_the_user)


def test_further_options_come_after_ours() -> None:
    text = config(Ssh(options={"KexAlgorithms": "curve25519-sha256", "HashKnownHosts": True}))
    assert text.index("Compression no") < text.index("KexAlgorithms curve25519-sha256")
    assert "    HashKnownHosts yes\n" in text


@pytest.mark.parametrize("name", ["RemoteForward", "hostname", "LOGLEVEL", "Match", "Include"])
def test_an_option_of_our_own_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        config(Ssh(options={name: "x"}))


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "#x", "x=y"])
def test_what_is_no_option_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not the name"):
        config(Ssh(options={name: "x"}))


def test_a_value_cannot_leave_its_line() -> None:
    with pytest.raises(ValueError, match="control character"):
        config(Ssh(options={"AddressFamily": "inet\nProxyCommand x"}))


def test_a_lane_without_forwards_is_refused() -> None:
    with pytest.raises(ValueError, match="never be ready"):
        lane_config(GATEWAY, Ssh(), (), PLACES, PROGRAM, aes=True)


def test_ciphers_are_the_fast_ones_the_users_or_openssh_own() -> None:
    assert "Ciphers ^aes128-gcm@openssh.com," in config()
    assert "Ciphers" not in config(aes=False)
    assert 'Ciphers "aes256-ctr"\n' in config(Ssh(ciphers="aes256-ctr"))
    assert "Ciphers" not in config(program=SshProgram("ssh", (7, 9), ""))


def test_an_ssh_without_log_verbose_logs_everything() -> None:
    text = config(program=SshProgram("ssh", (8, 4), ""))
    assert "LogLevel DEBUG1\n" in text
    assert "LogVerbose" not in text
    assert "LogLevel ERROR\n" in config()


def log_verbose(program: SshProgram) -> list[str]:
    [line] = [line for line in config(program=program).splitlines() if "LogVerbose" in line]
    return line.split()[1].split(",")


BARE = SshProgram("ssh", (9, 2), "", bare_sources=True)


def test_only_the_proof_is_searched_for_in_every_line_of_ssh() -> None:
    bare = log_verbose(BARE)
    assert [each for each in bare if each.startswith("*")] == ["*:ssh_confirm_remote_forward():*"]
    assert "packet.c:ssh_packet_read_poll_seqnr():*" in bare
    with_paths = log_verbose(SshProgram("ssh.exe", (9, 5), "", bare_sources=False))
    assert with_paths == [f"*:{name}():*" for name in (PROOF, *TELLING)]


def matches(tag: str, patterns: list[str]) -> bool:
    """What OpenSSH's match_pattern_list finds: nothing where a negated pattern fits."""
    assert not any(set("[]") & set(each) for each in patterns), "no such thing in OpenSSH"
    fits = [each for each in patterns if fnmatchcase(tag, each.removeprefix("!"))]
    return bool(fits) and not any(each.startswith("!") for each in fits)


@pytest.mark.parametrize("number", [2, 22, 1222])
def test_the_lines_that_tell_are_printed_and_what_is_said_of_each_connection_is_not(
    number: int,
) -> None:
    patterns = log_verbose(BARE)
    for name, file in {PROOF: "ssh.c", **TELLING}.items():
        assert matches(f"{file}:{name}():{number} (bin=ssh, pid=2{number})", patterns), name
    for said in (
        "nchan.c:chan_send_eof2", "misc.c:set_nonblock", "packet.c:ssh_packet_send2_wrapped",
        "packet.c:ssh_packet_read_poll2", "channels.c:channel_new", "clientloop.c:client_input",
    ):  # fmt: skip
        assert not matches(f"{said}():{number} (pid={number})", patterns)


def test_known_hosts_tokens_came_with_8_4() -> None:
    places = Places(PLACES.config_file, PLACES.identity_file, (ROOT / "100%",), None)
    assert '"/g2c/100%%"' in config(places=places)
    assert '"/g2c/100%"' in config(places=places, program=SshProgram("ssh", (8, 3), ""))


def test_without_a_control_path_no_socket_is_asked_for() -> None:
    text = config(places=Places(PLACES.config_file, PLACES.identity_file, PLACES.known_hosts))
    assert "ControlMaster yes" not in text
    assert "ControlPath none" in text


def test_without_a_pinned_key_the_gateway_goes_by_its_own_name() -> None:
    assert "HostKeyAlias" not in config(gateway=Gateway(host="gw", known_hosts="x"))


def test_a_scoped_address_keeps_its_percent_sign() -> None:
    assert 'HostName "fe80::1%%eth0"\n' in config(gateway=Gateway(host="fe80::1%eth0"))


def test_commands() -> None:
    file = ROOT / "lane.conf"
    start = ("ssh", "-F", str(file), "-T")
    assert argv(PROGRAM, file, session=True) == (*start, "lane", "exec cat")
    assert argv(PROGRAM, file, session=False) == (*start, "-N", "lane")
    assert check_argv(PROGRAM, file) == ("ssh", "-G", "-F", str(file), "lane")


@pytest.mark.parametrize(
    "key", ["ssh-ed25519 AAAA+/x==", "ssh-ed25519 AAAA+/x== a comment", " ssh-ed25519 AAAA+/x== "]
)
def test_a_pinned_key_becomes_a_line_of_known_hosts(key: str) -> None:
    line = known_hosts_line(Gateway(host="gw", host_key=key))
    assert line == "ground2cloud-gateway ssh-ed25519 AAAA+/x==\n"


def test_no_pinned_key_no_line() -> None:
    assert known_hosts_line(Gateway(host="gw")) is None


@pytest.mark.parametrize(
    "key", ["", "ssh-ed25519", "ssh-ed25519\tAAAA", "a b\n* ssh-rsa AAAA", "@revoked * x y", "* x"]
)
def test_a_pinned_key_that_is_none(key: str) -> None:
    with pytest.raises(ValueError, match=r"of the form|control character"):
        known_hosts_line(Gateway(host="gw", host_key=key))
