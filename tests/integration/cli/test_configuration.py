"""`init`, `check` and `schema`: from nothing to a good configuration."""

import json
import subprocess
import tomllib

import pytest

from tests.lab.command import HOST_KEY, Command

FILLED = ("--host", "gw.example.com", "--host-key", HOST_KEY, "--port", "8000")


@pytest.fixture
def fresh(command: Command) -> Command:
    """No configuration yet."""
    command.path = command.path.parent / "new" / "agent.toml"
    return command


def test_what_init_writes_is_good_once_host_and_key_are_given(fresh: Command) -> None:
    assert fresh("init", *FILLED).code == 0
    assert fresh("check") == (0, "agent.toml: good, 1 service\n", "")


def test_without_them_check_says_what_is_missing(fresh: Command) -> None:
    assert fresh("init").code == 0
    ended = fresh("check")
    assert ended.code == 78
    assert "agent.toml: gateway.host_key: " in ended.err


def test_every_option_reaches_the_file(fresh: Command) -> None:
    fresh("init", *FILLED, "--user", "bob", "--ssh-port", "2222", "--remote-port", "12000")
    content = tomllib.loads(fresh.path.read_text("utf-8"))
    assert content["gateway"] == {
        "host": "gw.example.com",
        "host_key": HOST_KEY,
        "user": "bob",
        "ssh_port": 2222,
    }
    service = content["service"][0]
    assert (service["port"], service["remote_port"]) == (8000, 12000)


def test_the_line_for_the_gateway_opens_that_port_and_nothing_else(fresh: Command) -> None:
    ended = fresh("init", *FILLED, "--remote-port", "12000", "--user", "bob")
    assert ended.code == 0, ended.err
    (line,) = [line for line in ended.out.splitlines() if line.startswith("restrict")]
    options, _, key = line.partition(" ssh-ed25519 ")
    assert options == 'restrict,port-forwarding,permitlisten="127.0.0.1:12000",command="exec cat"'
    assert key.split()[1].startswith("ground2cloud@")
    assert "user bob" in ended.out


def test_the_key_has_no_passphrase_and_the_public_half_is_its_own(fresh: Command) -> None:
    out = fresh("init").out
    key = fresh.path.parent / "id_ed25519"
    done = subprocess.run(
        ["ssh-keygen", "-y", "-P", "", "-f", str(key)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[1] in out


def test_a_key_that_is_there_is_kept(fresh: Command) -> None:
    fresh("init")
    key = (fresh.path.parent / "id_ed25519").read_bytes()
    fresh.path.unlink()
    ended = fresh("init")
    assert ended.code == 0
    assert f"kept {fresh.path.parent / 'id_ed25519'}" in ended.out
    assert (fresh.path.parent / "id_ed25519").read_bytes() == key


def test_init_overwrites_only_when_forced(fresh: Command) -> None:
    fresh("init")
    fresh.path.write_text("mine")
    assert fresh("init") == (
        1,
        "",
        (
            f"ground2cloud: {fresh.path} is there already\n"
            "hint: --force replaces it; --config names another file\n"
        ),
    )
    assert fresh.path.read_text() == "mine"
    assert fresh("init", "--force").code == 0
    assert fresh.path.read_text() != "mine"


def test_a_place_where_nothing_can_be_written_is_told(fresh: Command) -> None:
    fresh.path.parent.write_text("in the way")
    ended = fresh("init")
    assert ended.code == 1
    assert ended.err.startswith("ground2cloud: can't ")
    assert "defect" not in ended.err


def test_a_key_that_cannot_be_used_leaves_no_configuration(fresh: Command) -> None:
    fresh.path.parent.mkdir()
    key = fresh.path.parent / "id_ed25519"
    key.write_text("no key")
    key.chmod(0o600)
    ended = fresh("init")
    assert ended.code == 1
    assert str(key) in ended.err
    assert not fresh.path.exists()


@pytest.mark.parametrize("value", ['a"b', "a\nb", "a\\b", "a]b", "[[service]]"])
def test_no_value_can_break_out_of_its_place(fresh: Command, value: str) -> None:
    fresh("init", "--host", value)
    assert tomllib.loads(fresh.path.read_text("utf-8"))["gateway"]["host"] == value


def test_check_names_every_problem(command: Command) -> None:
    command.path.write_text(command.path.read_text() + '\n[api]\nlisten = "0.0.0.0:1"\nx = 1\n')
    ended = command("check")
    assert (ended.code, ended.out) == (78, "")
    lines = ended.err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("ground2cloud: agent.toml: api.") for line in lines)


def test_check_tells_programs_the_same(command: Command) -> None:
    good = command("check", "--json")
    assert good.code == 0
    assert json.loads(good.out) == {
        "ok": True,
        "file": str(command.path),
        "services": 1,
        "problems": [],
    }
    command.path.write_text("x = 1\n")
    bad = command("check", "--json")
    assert (bad.code, bad.err) == (78, "")
    assert {"file": "agent.toml", "where": "x"}.items() <= json.loads(bad.out)["problems"][
        0
    ].items()


def test_a_missing_file_is_told_with_what_to_do(command: Command) -> None:
    command.path.unlink()
    ended = command("check")
    assert ended.code == 78
    assert "hint: ground2cloud init writes a sample" in ended.err


def test_schema_prints_a_json_schema(command: Command) -> None:
    ended = command("schema")
    assert ended.code == 0
    content = json.loads(ended.out)
    assert content["$schema"].startswith("https://json-schema.org/")
    assert "Gateway" in content["$defs"]
