"""The JSON Schema says what the model says."""

import json

from msgspec import structs

from ground2cloud.config.model import Gateway, Kind, Service
from ground2cloud.config.schema import schema


def test_it_is_json_and_names_its_dialect() -> None:
    made = json.loads(json.dumps(schema()))
    assert made["$schema"].startswith("https://json-schema.org/")
    assert made["title"] == "Ground2Cloud agent.toml"


def test_no_table_takes_unknown_keys() -> None:
    tables = [item for item in schema()["$defs"].values() if item.get("type") == "object"]
    assert len(tables) == 8
    assert all(item["additionalProperties"] is False for item in tables)


def test_it_has_every_key_with_description_range_and_choice() -> None:
    made = schema()["$defs"]
    for model in (Gateway, Service):
        described = made[model.__name__]["properties"]
        assert list(described) == [item.name for item in structs.fields(model)]
        assert all(item["description"] for item in described.values())
    port = made["Service"]["properties"]["port"]
    assert (port["minimum"], port["maximum"]) == (1, 65535)
    assert set(made["Kind"]["enum"]) == {kind.value for kind in Kind}
    assert made["Service"]["required"] == ["name", "kind", "port"]


def test_a_host_is_known_in_one_of_two_ways() -> None:
    assert schema()["$defs"]["Gateway"]["oneOf"] == [
        {"required": ["host_key"]},
        {"required": ["known_hosts"]},
    ]


def test_it_has_no_null_as_toml_has_none() -> None:
    assert "null" not in json.dumps(schema())
