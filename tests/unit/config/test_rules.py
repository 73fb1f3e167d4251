"""Rules that need more than one value."""

from pathlib import Path

import pytest

from tests.unit.config.writing import changed, host_key, problems


def only(changes: dict[str, object]) -> str:
    """Answer with the one problem of a changed file, without the file's name."""
    (found,) = problems(changed(changes))
    return found.removeprefix("agent.toml: ")


def test_two_services_may_not_share_a_name() -> None:
    found = only({"service.1.name": "quickbooks"})
    assert found == 'service[1].name: "quickbooks" is taken by service[0]'


def test_two_services_may_not_share_a_remote_port_even_on_two_addresses() -> None:
    found = only({"service.1.remote_port": 11081, "service.1.remote_bind": "127.0.0.2"})
    assert found == "service[1].remote_port: 11081 is taken by service[0]"


def test_services_with_wrong_values_are_still_compared() -> None:
    """The port of the first is wrong; its name is still taken."""
    found = problems(changed({"service.0.port": 0, "service.1.name": "quickbooks"}))
    assert found == [
        "agent.toml: service[0].port: expected 1..65535, got 0",
        'agent.toml: service[1].name: "quickbooks" is taken by service[0]',
    ]


def test_a_host_must_be_known() -> None:
    assert only({"gateway.host_key": None}) == (
        "gateway.host_key: give host_key or known_hosts; a host is never trusted on first sight"
    )


def test_a_host_is_known_in_one_way() -> None:
    assert only({"gateway.known_hosts": "known_hosts"}) == (
        "gateway.known_hosts: give either host_key or known_hosts, not both"
    )


def test_a_host_key_of_the_wrong_type_still_counts_as_given() -> None:
    assert only({"gateway.host_key": 1}) == "gateway.host_key: expected a string, got an integer"


def test_the_first_wait_may_not_be_longer_than_the_longest() -> None:
    assert only({"backoff.initial": 21, "backoff.maximum": 20}) == (
        "backoff.initial: expected at most backoff.maximum (20), got 21"
    )
    assert problems(changed({"backoff.initial": 20, "backoff.maximum": 20})) == []


def test_the_port_of_the_api_must_exist() -> None:
    assert only({"api.listen": "127.0.0.1:65536"}) == (
        'api.listen: expected a port of 0..65535, got "127.0.0.1:65536"'
    )


@pytest.mark.parametrize(
    "key", ["gateway.identity_file", "gateway.known_hosts", "paths.state", "paths.run", "log.file"]
)
def test_a_path_may_not_look_like_an_option(key: str) -> None:
    more = {"gateway.host_key": None} if key == "gateway.known_hosts" else {}
    dash = "a path must not begin with -; write ./ in front of it"
    assert only({**more, key: "-oProxyCommand=x"}) == f"{key}: {dash}"


@pytest.mark.parametrize("key", ["gateway.identity_file", "paths.state", "paths.run"])
def test_a_path_may_not_have_what_ssh_would_expand(key: str) -> None:
    assert only({key: "a${HOME}b"}) == f"{key}: ${{ is not allowed: ssh would put a variable there"


def test_a_log_file_may_have_any_dollar() -> None:
    assert problems(changed({"log.file": "a${HOME}b"})) == []


@pytest.mark.parametrize("program", ["bin/ssh", "./ssh", "../ssh"])
def test_the_program_is_a_name_or_absolute(program: str) -> None:
    assert only({"ssh.program": program}) == (
        f'ssh.program: expected a name that is in PATH or an absolute path, got "{program}"'
    )


def test_the_program_may_not_look_like_an_option() -> None:
    assert only({"ssh.program": "-ssh"}) == "ssh.program: a program's name must not begin with -"


def test_the_program_may_be_anywhere() -> None:
    assert problems(changed({"ssh.program": str(Path("/opt/my ssh/ssh").absolute())})) == []
    assert problems(changed({"ssh.program": "ssh-10"})) == []


KNOWN: dict[str, object] = {"gateway.host_key": None, "gateway.known_hosts": "known_hosts"}


@pytest.mark.parametrize(
    "jump", ["jump.example.com", "me@jump:2222", "me@[::1]:22", "[fe80::1]", "a@b,c@d:22"]
)
def test_a_jump_is_a_way_of_hosts(jump: str) -> None:
    assert problems(changed({**KNOWN, "ssh.jump": jump})) == []


@pytest.mark.parametrize(
    "jump",
    [
        "-oProxyCommand=x",
        "u@d@h",
        "a-",
        "a" * 254,
        "none",
        "a b",
        "a:0",
        "a:70000",
        "ssh://a",
        "a;b@c",
        "::1",
        "[a]",
        "a,",
        "@a",
        "1.2.3.400",
    ],
)
def test_a_jump_is_nothing_else(jump: str) -> None:
    (found,) = problems(changed({**KNOWN, "ssh.jump": jump}))
    assert found.startswith("agent.toml: ssh.jump: expected ")


def test_a_jump_needs_known_hosts() -> None:
    assert only({"ssh.jump": "jump.example.com"}) == (
        "ssh.jump: needs gateway.known_hosts instead of host_key, with the key of every host on the"
        " way"
    )


def test_a_jump_and_a_proxy_command_exclude_each_other() -> None:
    found = only({**KNOWN, "ssh.jump": "a", "ssh.options.proxycommand": "nc %h %p"})
    assert found == "ssh.options.proxycommand: give either ProxyCommand or ssh.jump, not both"


@pytest.mark.parametrize(
    "option",
    ["StrictHostKeyChecking", "stricthostkeychecking", "BatchMode", "IDENTITYFILE2", "Host"],
)
def test_an_option_of_the_programs_own_can_not_be_set(option: str) -> None:
    assert only({f"ssh.options.{option}": "no"}).startswith(
        f"ssh.options.{option}: {option} can't be set here: "
    )


def test_a_refused_option_names_the_key_to_use() -> None:
    assert only({"ssh.options.Port": 2222}) == (
        "ssh.options.Port: Port can't be set here: use gateway.ssh_port"
    )


@pytest.mark.parametrize(
    "option", ["Address Family", "#x", "A=b", "x-y", "", "1a", "\N{KELVIN SIGN}"]
)
def test_an_option_is_one_word(option: str) -> None:
    made = changed({})
    made["ssh"]["options"] = {option: "x"}
    (found,) = problems(made)
    assert found.endswith("expected the name of an ssh_config option: letters and digits")


def test_an_option_is_given_once_in_whatever_case() -> None:
    found = only({"ssh.options.addressfamily": "inet6"})
    assert found == "ssh.options.addressfamily: is the same option as AddressFamily"


def test_an_option_needs_a_value() -> None:
    assert only({"ssh.options.MACs": "  "}) == "ssh.options.MACs: must not be empty"


def test_all_problems_are_told_at_once() -> None:
    """One of every kind, in one file."""
    found = problems(
        changed(
            {
                "gateway.host": 7,
                "gateway.user": "a b",
                "gateway.host_key": host_key()[:-8],
                "gateway.colour": "blue",
                "service.0.port": 70000,
                "service.0.kind": "ftp",
                "service.1.name": "quickbooks",
                "service.1.host": "1.2.3.400",
                "service.1.remote_port": None,
                "ssh.session": "maybe",
                "ssh.options.Host": "x",
                "ssh.options.MACs": "a\nb",
                "backoff.initial": 60,
                "log.keep": 0,
                "paths.run": "${X}",
                "api.listen": "example.com:80",
                "extra": True,
            }
        )
    )
    places = {line.split(": ")[1] for line in found}
    assert places == {
        "gateway.host",
        "gateway.user",
        "gateway.host_key",
        "gateway.colour",
        "service[0].port",
        "service[0].kind",
        "service[1].name",
        "service[1].host",
        "service[1].remote_port",
        "ssh.session",
        "ssh.options.Host",
        "ssh.options.MACs",
        "backoff.initial",
        "log.keep",
        "paths.run",
        "api.listen",
        "extra",
    }
    assert len(found) == len(places)
