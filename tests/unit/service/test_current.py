"""The service that this installation would be."""

import sys
from pathlib import Path

import pytest

from ground2cloud.config import places
from ground2cloud.config.directories import personal
from ground2cloud.errors import Ground2CloudError
from ground2cloud.service import current


def test_the_service_of_the_machine_has_the_machines_places() -> None:
    found = current.context()
    assert found.directories == places.service()
    assert found.config == places.service().configuration / "agent.toml"
    assert found.name == "ground2cloud"


def test_an_instance_has_a_configuration_and_places_of_its_own() -> None:
    found = current.context("berlin")
    assert found.config == places.service().configuration / "berlin.toml"
    assert found.directories.state.name.endswith("-berlin")
    assert found.name == "ground2cloud-berlin"


def test_a_gateway_has_places_of_its_own_beside_the_agents() -> None:
    found = current.gateway_context()
    assert found.config == places.service().configuration / "gateway.toml"
    assert found.directories == places.service().of_instance("gateway")
    assert found.name == "ground2cloud-gateway"
    assert found.command("run")[-4:] == ("gateway", "run", "--config", str(found.config))


def test_a_persons_service_has_the_persons_places() -> None:
    assert current.context(personally=True).directories == personal()


@pytest.mark.parametrize(
    "name", ["agent", "gateway", "Berlin", "a b", "../x", "-x", "x" * 33, "ü", "x\n"]
)
def test_a_name_that_is_no_good_for_files_and_units_is_refused(name: str) -> None:
    with pytest.raises(Ground2CloudError, match="an instance can't be called"):
        current.context(name)


def test_the_program_is_this_very_one() -> None:
    program = current.program()
    assert all(Path(word).is_absolute() for word in program[:1])
    assert Path(program[0]).parent == Path(sys.executable).parent
