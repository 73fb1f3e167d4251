"""What lies at the path of a configuration file, and whether it is TOML at all."""

import time
from pathlib import Path

import pytest
import tomli_w

from ground2cloud.config.load import load_agent, parse_agent
from ground2cloud.config.model import AgentConfig, Kind
from ground2cloud.errors import EXIT_CONFIG, ConfigError
from tests.unit.config.writing import document, host_key, problems

VALID = tomli_w.dumps(document())


def load(tmp_path: Path, content: bytes) -> AgentConfig:
    file = tmp_path / "agent.toml"
    file.write_bytes(content)
    return load_agent(file)


def refuse(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_agent(path)
    assert caught.value.exit_code == EXIT_CONFIG
    return caught.value


def refuse_content(tmp_path: Path, content: bytes) -> str:
    (tmp_path / "agent.toml").write_bytes(content)
    return str(refuse(tmp_path / "agent.toml"))


def test_the_file_of_the_issue_is_loaded(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        f"""
        [gateway]
        host = "g2c.example.com"
        ssh_port = 22
        user = "ground2cloud"
        host_key = "{host_key()}"
        identity_file = "id_ed25519"
        [[service]]
        name = "quickbooks"
        kind = "http"
        host = "localhost"
        port = 8080
        remote_port = 11081
        remote_bind = "127.0.0.1"
        [ssh.options]
        AddressFamily = "inet"
        """.encode(),
    )
    assert config.gateway.host == "g2c.example.com"
    assert config.service[0].kind is Kind.HTTP
    assert config.ssh.options == {"AddressFamily": "inet"}
    assert config.backoff.maximum == 15.0


def test_a_whole_number_of_seconds_is_taken_as_a_number(tmp_path: Path) -> None:
    config = load(tmp_path, VALID.replace("[backoff]", "[backoff]\nmaximum = 60").encode())
    assert config.backoff.maximum == 60.0
    assert isinstance(config.backoff.maximum, float)


def test_equal_files_give_equal_configurations(tmp_path: Path) -> None:
    """A reload compares them, service by service."""
    assert load(tmp_path, VALID.encode()) == load(tmp_path, b"# changed\n" + VALID.encode())


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_byte_order_mark_and_the_line_ends_of_windows_are_accepted(
    tmp_path: Path, end: str
) -> None:
    text = "\N{BYTE ORDER MARK}" + VALID.replace("\n", end)
    assert load(tmp_path, text.encode()) == load(tmp_path, VALID.encode())
    assert parse_agent(text, file="a", directory=tmp_path) == load(tmp_path, VALID.encode())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = 1\nb\n", "line 2, column 2: this is not TOML: Expected '=' after a key"),
        ("a = [1,", "end of document: this is not TOML: "),
        ("a = 1\na = 2\n", "line 2, column 6: this is not TOML: Cannot overwrite a value"),
        ('a = "\x1b"', "line 1, column 6: this is not TOML: "),
        ("a = " + "9" * 5000, "an integer is too long to be read"),
        ("a = " + "[" * 50_000, "arrays or tables are nested too deeply"),
        ("a = " + "{a=" * 50_000, "arrays or tables are nested too deeply"),
        ("a = {" + "k" * 9000 + "=1," + "k" * 9000 + "=1}", "line 1, column "),
        ("\n" + ".".join("a" * 300) + " = 1", "line 2: more than 200 dots in one line"),
    ],
)
def test_what_is_not_toml_is_named_with_its_place(text: str, problem: str) -> None:
    (found,) = problems(text)
    assert found.startswith(f"agent.toml: {problem}")
    assert len(found) < 400
    assert found.isprintable()


def test_a_ruler_of_dots_in_a_comment_is_no_key() -> None:
    assert problems("# " + "." * 400 + "\n" + VALID) == []


def test_a_file_made_to_exhaust_the_parser_is_refused_soon() -> None:
    started = time.process_time()
    assert problems("\n".join([".".join("a" * 100_000) + " = 1"] * 5))
    assert time.process_time() - started < 5


@pytest.mark.parametrize("piece", ["a", ":", "@", "a,", "-", "\\", "[", "1"])
def test_a_huge_value_is_refused_soon(piece: str) -> None:
    """No pattern of the model takes time with the square of the length."""
    huge = piece * 50_000 + " "
    made = document()
    made["gateway"] |= {"host": huge, "user": huge, "host_key": huge}
    made["ssh"] |= {"jump": huge, "ciphers": huge, "program": huge}
    made["api"] |= {"listen": huge}
    started = time.process_time()
    assert len(problems(made)) >= 5
    assert time.process_time() - started < 5


def test_a_hundred_problems_are_told_and_the_others_counted() -> None:
    services = "".join(
        f'[[service]]\nname = "s{i}"\nkind = "tcp"\nport = 0\nremote_port = {i + 1}\n'
        for i in range(150)
    )
    found = problems(f'[gateway]\nhost = "a"\nhost_key = "{host_key()}"\n{services}')
    assert len(found) == 101
    assert found[-1] == "agent.toml: and 50 more problems"


def test_what_is_not_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    found = refuse_content(tmp_path, b"a = 1\nb = '\xe4'\n")
    assert found == "agent.toml: line 2: byte 0xe4 is not UTF-8"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_recognised_by_its_mark(tmp_path: Path, encoding: str) -> None:
    mark = "" if encoding == "utf-16" else "\N{BYTE ORDER MARK}"
    found = refuse_content(tmp_path, (mark + VALID).encode(encoding))
    assert found == "agent.toml: this is UTF-16; save it as UTF-8"


def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    error = refuse(tmp_path / "agent.toml")
    assert "agent.toml: there is no file" in str(error)
    assert "ground2cloud init" in error.hint


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    found = str(refuse(tmp_path))
    assert found == f"{tmp_path.name}: is a directory, not a file"


def test_a_path_that_can_not_be_one_is_refused(tmp_path: Path) -> None:
    assert str(refuse(tmp_path / "a\0b")) == "a\\x00b: this is no path"


def test_a_file_of_more_than_a_megabyte_is_refused(tmp_path: Path) -> None:
    head = VALID.encode() + b"#"
    assert load(tmp_path, head + b"x" * (1024 * 1024 - len(head)))
    found = refuse_content(tmp_path, head + b"x" * (1024 * 1024 - len(head) + 1))
    assert found == "agent.toml: is larger than 1048576 bytes"


@pytest.mark.parametrize("name", ["a\nb", "a\x7fb", "a\u2028b", "a${HOME}b"])
def test_a_directory_whose_name_ssh_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="the name of the file's directory must not have"):
        parse_agent(VALID, file="agent.toml", directory=tmp_path / name)


@pytest.mark.parametrize("text", ["", "\n", "# all of it\n", "[log]\n"])
def test_a_file_that_says_nothing_is_refused(text: str) -> None:
    """It is being written, or was cut off; the services that run must not end for it."""
    with pytest.raises(ConfigError) as caught:
        parse_agent(text, file="agent.toml", directory=Path("/etc"))
    (problem,) = caught.value.problems
    assert "neither" in str(problem)
