"""What the real ssh reads out of the rendered ssh_config: what went in, for any value."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ground2cloud.config.model import Gateway, Ssh
from ground2cloud.openssh.program import SshProgram
from ground2cloud.openssh.quoting import quote
from ground2cloud.openssh.render import LANE, Places, check_argv, known_hosts_line, lane_config
from tests.e2e.lane_run import Setup, a_forward, running, the_ssh, to
from tests.lab.places import short_directory
from tests.lab.sshd import ThrowawaySshd

PROPERTY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

hostile = st.text(
    st.one_of(
        st.sampled_from(" \"'\\%#$~{}[]()<>|&;*?!=,:@^`-."),
        st.sampled_from("aZ09hnruC"),
        st.sampled_from("äß漢字\u00a0\u2028😀"),
    ),
    min_size=1,
    max_size=20,
).filter(lambda text: "${" not in text and text not in {".", ".."})
"""Names of files: all that means something to ssh, a shell, or a reader of lines."""

ALL_OF_THEM = "a b\"c'd\\e\\\\f%g%h%%#$x~{y}\u00e4\u6f22"


@pytest.fixture
def directory() -> Iterator[Path]:
    """A private directory with a short name."""
    with short_directory() as path:
        yield path


@pytest.fixture
async def program() -> SshProgram:
    """The ssh of this machine."""
    return await the_ssh()


def effective(program: SshProgram, config_file: Path, host: str = LANE) -> dict[str, list[str]]:
    """Return the options as ssh reads them, by their names in lower case."""
    argv = [*check_argv(program, config_file)[:-1], host]
    done = subprocess.run(argv, capture_output=True, timeout=10, check=False)
    assert done.returncode == 0, done.stderr
    options: dict[str, list[str]] = {}
    for line in done.stdout.decode().split("\n")[:-1]:
        name, _, value = line.partition(" ")
        options.setdefault(name, []).append(value)
    return options


def write(directory: Path, program: SshProgram, gateway: Gateway, ssh: Ssh, name: str) -> Path:
    """Render a lane whose every file has that name."""
    config_file = directory / "lane.conf"
    places = Places(
        config_file,
        directory / "keys" / name,
        (directory / "hosts" / name, directory / "more" / name),
        directory / "s" / name,
    )
    text = lane_config(gateway, ssh, (a_forward(),), places, program, aes=True)
    config_file.write_text(text, "utf-8")
    return config_file


@PROPERTY
@given(name=hostile)
def test_every_path_comes_out_as_it_went_in(
    directory: Path, program: SshProgram, name: str
) -> None:
    """The expanded ones exactly; IdentityFile is shown before its tokens are expanded."""
    config_file = write(directory, program, Gateway(host="h"), Ssh(), name)
    options = effective(program, config_file)
    hosts = f"{directory}/hosts/{name} {directory}/more/{name}"
    assert options["userknownhostsfile"] == [hosts]
    assert options["controlpath"] == [f"{directory}/s/{name}"]
    assert options["identityfile"] == [f"{directory}/keys/{name}".replace("%", "%%")]


@PROPERTY
@given(name=hostile)
def test_the_identity_file_is_the_one_that_went_in(
    directory: Path, program: SshProgram, name: str
) -> None:
    """Seen in what ssh says when it really looks for the file."""
    config_file = write(directory, program, Gateway(host="h"), Ssh(), name)
    argv = [program.path, "-v", "-F", str(config_file), "-o", "ProxyCommand=false", LANE]
    argv[2:2] = ["-o", "ControlPath=none"]
    done = subprocess.run(argv, capture_output=True, timeout=10, check=False)
    said = [line for line in done.stderr.split(b"\r\n") if b"identity file " in line]
    assert said, done.stderr
    assert unvis(said[0]) == f"debug1: identity file {directory}/keys/{name} type -1".encode()


def unvis(line: bytes) -> bytes:
    r"""Undo what ssh does to the bytes that it logs: octal, and a doubled backslash."""
    return re.sub(
        rb"\\(?:([0-7]{3})|(\\))",
        lambda match: bytes([int(match[1], 8)]) if match[1] else b"\\",
        line,
    )


@PROPERTY
@given(value=hostile)
def test_a_quoted_value_is_one_argument(directory: Path, program: SshProgram, value: str) -> None:
    config_file = directory / "quoted.conf"
    config_file.write_text(f"HostKeyAlias {quote(value)}\n", "utf-8")
    read = effective(program, config_file)["hostkeyalias"]
    lower = "".join(c.lower() if c.isascii() else c for c in value)  # ssh does the same
    assert read == [lower]


async def test_a_lane_works_with_the_worst_names(sshd: ThrowawaySshd) -> None:
    """Key, known_hosts, control socket and the jump's own configuration, all in such a place."""
    place = sshd.directory / ALL_OF_THEM[:20]
    place.mkdir()
    key = place / ALL_OF_THEM
    key.write_bytes(sshd.identity_file.read_bytes())
    key.chmod(0o600)
    hosts = place / f"hosts {ALL_OF_THEM}"
    hosts.write_bytes(sshd.known_hosts.read_bytes())
    setup = Setup(
        gateway=to(sshd, host_key=None),
        identity_file=key,
        known_hosts=(hosts,),
        control_path=place / "s %h",
        ssh=Ssh(jump=f"{sshd.user}@{sshd.host}:{sshd.port}"),
        directory=place,
    )
    async with running(setup) as lane:
        await lane.ready()
        assert (place / "s %h").is_socket()


async def test_a_jump_host_gets_nothing_of_the_lane(directory: Path, program: SshProgram) -> None:
    """No forward, no control socket, no pinned key; but what protects holds for it as well."""
    gateway = Gateway(host="gw.example", user="carol", ssh_port=2222, host_key="ssh-ed25519 AAAA")
    ssh = Ssh(jump="alice@one.example:2201,[::1]", options={"AddressFamily": "inet"})
    config_file = write(directory, program, gateway, ssh, "x")
    lane = effective(program, config_file)
    first, second = (effective(program, config_file, f"jump-{n}") for n in (1, 2))
    own = ("hostname", "port", "user", "remoteforward", "controlpath", "hostkeyalias")
    own += ("localcommand",)
    assert [lane[name][0] for name in own[:3]] == ["gw.example", "2222", "carol"]
    assert [first[name][0] for name in own[:3]] == ["one.example", "2201", "alice"]
    assert [second[name][0] for name in own[:3]] == ["::1", "22", "carol"]
    assert "jump-2" in lane["proxycommand"][0]
    assert "jump-1" in second["proxycommand"][0]
    assert "proxycommand" not in first
    for name in own[3:]:
        assert name in lane
        assert name not in first
        assert name not in second
    for name in set(lane) - {*own, "host", "proxycommand", "controlmaster"}:
        if name not in {"exitonforwardfailure", "permitlocalcommand"}:
            assert lane[name] == first[name] == second[name], name


def test_what_a_lane_is_run_with(directory: Path, program: SshProgram) -> None:
    """The effective values that the design counts on."""
    ssh = Ssh(connect_timeout=7, server_alive_interval=3, server_alive_count_max=4)
    options = effective(program, write(directory, program, Gateway(host="h"), ssh, "x"))
    expected = {
        "addkeystoagent": "false",
        "batchmode": "yes",
        "compression": "no",
        "connecttimeout": "7",
        "controlmaster": "true",
        "exitonforwardfailure": "yes",
        "forwardagent": "no",
        "forwardx11": "no",
        "globalknownhostsfile": "none",
        "identitiesonly": "yes",
        "kbdinteractiveauthentication": "no",
        "passwordauthentication": "no",
        "localcommand": "exec sleep 0.01",
        "permitlocalcommand": "yes",
        "requesttty": "false",
        "serveralivecountmax": "4",
        "serveraliveinterval": "3",
        "stricthostkeychecking": "true",
        "tcpkeepalive": "yes",
        "updatehostkeys": "false",
    }
    assert {name: options[name][0] for name in expected} == expected
    ciphers = options["ciphers"][0].split(",")
    assert ciphers[:2] == ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"]
    assert "chacha20-poly1305@openssh.com" in ciphers


def test_further_options_can_change_what_is_left_to_them_only(
    directory: Path, program: SshProgram
) -> None:
    """And the lines that stand after them are defaults that they win over."""
    ssh = Ssh(
        options={
            "IdentityAgent": "/a",
            "TCPKeepAlive": False,
            "RekeyLimit": "1G 1h",
            "ipqos": "none",
        }
    )
    options = effective(program, write(directory, program, Gateway(host="h"), ssh, "x"))
    assert options["identityagent"] == ["/a"]
    assert options["tcpkeepalive"] == ["no"]
    assert options["rekeylimit"] == ["1073741824 3600"]
    assert options["ipqos"] == ["none none"]


def test_the_pinned_key_is_found_under_its_alias(sshd: ThrowawaySshd, directory: Path) -> None:
    """`ssh-keygen -F` finds the line that we write, as ssh does."""
    file = directory / "known_hosts"
    file.write_text(known_hosts_line(to(sshd)) or "")
    argv = ["ssh-keygen", "-F", "ground2cloud-gateway", "-f", str(file)]
    found = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=True)
    assert sshd.host_key in found.stdout
