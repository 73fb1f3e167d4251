"""Places that only POSIX systems have."""

import sys
from pathlib import Path

import pytest
import tomli_w

from ground2cloud.config import places
from ground2cloud.config.directories import personal
from ground2cloud.config.load import parse_agent
from ground2cloud.config.locations import Locations, locate, run_directory
from tests.unit.config.writing import document

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these are POSIX paths")


def located(path: Path, environ: dict[str, str]) -> Locations:
    text = tomli_w.dumps(document())
    config = parse_agent(text, file="agent.toml", directory=path.parent)
    return locate(config, path, environ)


def test_a_linux_service_is_where_the_design_says() -> None:
    service = places.service()
    assert service.configuration == Path("/etc/ground2cloud")
    assert service.state == Path("/var/lib/ground2cloud")
    assert service.run in {Path("/run/ground2cloud"), Path("/var/lib/ground2cloud/run")}
    assert service.logs == Path("/var/log/ground2cloud")


def test_systemd_says_where_its_services_keep_their_things(tmp_path: Path) -> None:
    """Of several, the first counts."""
    environ = {
        "STATE_DIRECTORY": "/var/lib/private/g2c:/var/lib/other",
        "RUNTIME_DIRECTORY": "/run/g2c",
        "LOGS_DIRECTORY": "/var/log/g2c:/var/log/other",
    }
    found = located(tmp_path / "agent.toml", environ)
    assert found.state == Path("/var/lib/private/g2c")
    assert found.run == Path("/run/g2c") == run_directory(tmp_path / "agent.toml", environ)
    assert found.log_file == Path("/var/log/g2c/agent.log")


@pytest.mark.parametrize("value", ["", "relative", ":/second"])
def test_a_variable_that_systemd_would_not_set_is_ignored(tmp_path: Path, value: str) -> None:
    assert run_directory(tmp_path / "agent.toml", {"RUNTIME_DIRECTORY": value}) == personal().run


def test_the_persons_run_directory_is_the_same_from_every_session(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = personal().run
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert personal().run == before


def test_a_linked_file_belongs_to_the_directory_of_the_link(tmp_path: Path) -> None:
    """As Kubernetes mounts a ConfigMap: the key lies beside the link."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "agent.toml").touch()
    (tmp_path / "agent.toml").symlink_to("data/agent.toml")
    assert located(tmp_path / "agent.toml", {}).identity_file == tmp_path / "id_ed25519"
