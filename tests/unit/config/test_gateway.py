"""`gateway.toml`: sample, schema and check come from one model and agree."""

import json
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from msgspec import structs

from ground2cloud.config.gateway_model import GatewayConfig, Public
from ground2cloud.config.load import load_gateway, parse_gateway
from ground2cloud.config.locations import locate_gateway, run_directory
from ground2cloud.config.sample import gateway_sample
from ground2cloud.config.schema import gateway_schema
from ground2cloud.errors import ConfigError
from tests.unit.config.writing import HOME


def parse(**tables: dict[str, Any]) -> GatewayConfig:
    tables["gateway"] = {"host": "g2c.example.com", **tables.get("gateway", {})}
    return parse_gateway(tomli_w.dumps(tables), file="gateway.toml", directory=HOME)


def problems(**tables: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        parse(**tables)
    return [(problem.where, problem.message) for problem in caught.value.problems]


def test_the_sample_is_valid_as_it_is_and_shows_the_defaults() -> None:
    found = parse_gateway(gateway_sample(), file="gateway.toml", directory=HOME)
    assert found == GatewayConfig(gateway=Public(host="g2c.example.com"))
    assert max(map(len, gateway_sample().splitlines())) <= 100


def test_every_key_of_the_sample_may_be_set_by_taking_the_sign_away() -> None:
    lines = (
        line[1:] if line.startswith("#") and not line.startswith(("# ", "#\n")) else line
        for line in gateway_sample().splitlines()
    )
    found = parse_gateway("\n".join(lines), file="gateway.toml", directory=HOME)
    assert found.plain.sources == ("10.0.0.0/24",)
    assert found.ssh.endpoints == ("g2c.example.com:22",)
    assert found.ssh.listen == ("0.0.0.0",)


def test_the_schema_knows_every_table_and_takes_no_other_key() -> None:
    made = json.loads(json.dumps(gateway_schema()))
    assert made["title"] == "Ground2Cloud gateway.toml"
    top = made["$defs"]["GatewayConfig"]
    assert list(top["properties"]) == [item.name for item in structs.fields(GatewayConfig)]
    tables = [item for item in made["$defs"].values() if item.get("type") == "object"]
    assert all(item["additionalProperties"] is False for item in tables)
    assert "null" not in json.dumps(made)


@pytest.mark.parametrize(
    ("tables", "where", "words"),
    [
        ({"gateway": {"host": "0.0.0.0"}}, "gateway.host", "a name or an address to go to"),
        ({"gateway": {"host": "1.2.3"}}, "gateway.host", "a host name or an IP address"),
        ({"gateway": {"host": "my_host"}}, "gateway.host", "a domain such as"),
        ({"router": {"domain": "bad_domain.x"}}, "router.domain", "a domain such as"),
        ({"gateway": {"user": "Root!"}}, "gateway.user", "the name of an account"),
        ({"gateway": {"names": ["x", 3]}}, "gateway.names[1]", "a string"),
        ({"gateway": {"names": "x"}}, "gateway.names", "expected an array, got a string"),
        ({"ssh": {"listen": []}}, "ssh.listen", "must not be empty"),
        ({"ssh": {"listen": ["host"]}}, "ssh.listen", "an IP address"),
        ({"ssh": {"listen": ["::", "::"]}}, "ssh.listen", "twice"),
        ({"ssh": {"endpoints": ["x:0"]}}, "ssh.endpoints", "a port of 1..65535"),
        ({"ssh": {"port": 80}}, "router.port", "taken by ssh.port"),
        ({"ssh": {"port": 11081}}, "ssh.port", "one of the tunnel ports"),
        (
            {"router": {"port": 443, "certificate": "x"}},
            "router.https_port",
            "taken by router.port",
        ),
        ({"router": {"access_log": "stdout"}}, "router.access_log", "/dev/log or HOST:PORT"),
        ({"router": {"access_log": "/dev/log x"}}, "router.access_log", "/dev/log or HOST:PORT"),
        ({"tunnels": {"first_port": 2000, "last_port": 1999}}, "tunnels.last_port", "first_port"),
        ({"plain": {"listen": "10.0.0.1"}}, "plain.sources", "name the networks"),
        ({"plain": {"sources": ["10.0.0.0/8"]}}, "plain.listen", "name the address"),
        ({"plain": {"listen": "::", "sources": ["::/0"]}}, "plain.listen", "the lanes"),
        ({"plain": {"listen": "127.0.0.4", "sources": ["127.0.0.9"]}}, "plain.listen", "the lanes"),
        ({"plain": {"listen": "10.0.0.1", "sources": ["10.0.0.1/8"]}}, "plain.sources", "network"),
        ({"registry": {"url": "mysql://u:hidden@h/d"}}, "registry.url", "sqlite"),
        ({"metrics": {"listen": "0.0.0.0:1"}}, "metrics.listen", "127.0.0.1:PORT"),
        ({"metrics": {"listen": "127.0.0.1:70000"}}, "metrics.listen", "a port of"),
        ({"router": {"program": "bin/haproxy"}}, "router.program", "absolute path"),
        ({"router": {"certificate": "-x"}}, "router.certificate", "must not begin with -"),
        ({"service": {}}, "service", "unknown key"),
    ],
)
def test_what_is_wrong_is_named(tables: dict[str, Any], where: str, words: str) -> None:
    found = problems(**tables)
    assert [place for place, _ in found] == [where]
    assert words in found[0][1]
    assert "hidden" not in str(found)


def test_a_port_for_https_that_is_not_used_takes_nothing() -> None:
    assert parse(router={"port": 443}).router.port == 443


def test_its_places_are_not_those_of_the_agent(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text('[gateway]\nhost = "g"\n[router]\ncertificate = "r.pem"\n')
    found = locate_gateway(load_gateway(file), file, {})
    assert found.run == run_directory(file, {}, gateway=True)
    assert found.run != run_directory(file, {})
    assert found.certificate == tmp_path / "r.pem"
    assert found.log_file.name == "gateway.log"
    file.write_text('[gateway]\nhost = "g"\n[paths]\nrun = "r"\nstate = "s"\n')
    found = locate_gateway(load_gateway(file), file, {})
    assert (found.run, found.state) == (tmp_path / "r", tmp_path / "s")


def test_a_host_that_callers_do_not_name_may_be_any() -> None:
    assert parse(gateway={"host": "my_host"}, router={"domain": "G2C.example.com."})


def test_where_there_is_no_file_the_command_is_named_that_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_gateway(tmp_path / "gateway.toml")
    assert "ground2cloud gateway init" in caught.value.hint
