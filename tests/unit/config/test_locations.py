"""Where things are, for a service, for a person, under systemd, and as the file says."""

from pathlib import Path

import pytest
import tomli_w

from ground2cloud.config import places
from ground2cloud.config.directories import personal
from ground2cloud.config.load import parse_agent
from ground2cloud.config.locations import (
    Locations,
    choose_config,
    default_config,
    locate,
    run_directory,
)
from tests.unit.config.writing import changed, document

ELSEWHERE = Path("/srv/g2c").absolute()


def located(
    changes: dict[str, object], directory: Path = ELSEWHERE, environ: dict[str, str] | None = None
) -> Locations:
    text = tomli_w.dumps(changed(changes))
    config = parse_agent(text, file="agent.toml", directory=directory)
    return locate(config, directory / "agent.toml", environ or {})


def test_a_file_anywhere_is_a_persons() -> None:
    found, own = located({}), personal()
    assert (found.state, found.run) == (own.state, own.run)
    assert found.log_file == own.logs / "agent.log"
    assert found.identity_file == ELSEWHERE / "id_ed25519"
    assert found.known_hosts is None


def test_a_file_in_the_services_directory_is_the_services() -> None:
    service = places.service()
    found = located({}, service.configuration)
    assert (found.state, found.run) == (service.state, service.run)
    assert found.log_file == service.logs / "agent.log"
    assert found.identity_file == service.configuration / "id_ed25519"


def test_a_file_in_a_subdirectory_of_the_services_is_not_the_services() -> None:
    assert located({}, places.service().configuration / "old").state == personal().state


def test_paths_of_the_file_begin_at_its_directory() -> None:
    found = located(
        {
            "gateway.host_key": None,
            "gateway.known_hosts": "trust/known_hosts",
            "gateway.identity_file": "keys/id",
            "log.file": "my.log",
            "paths.state": "s",
            "paths.run": "../run",
        },
        environ={"STATE_DIRECTORY": "/s", "RUNTIME_DIRECTORY": "/r", "LOGS_DIRECTORY": "/l"},
    )
    assert found == Locations(
        state=ELSEWHERE / "s",
        run=ELSEWHERE / "../run",
        log_file=ELSEWHERE / "my.log",
        identity_file=ELSEWHERE / "keys/id",
        known_hosts=ELSEWHERE / "trust/known_hosts",
    )


def test_absolute_paths_of_the_file_stay(tmp_path: Path) -> None:
    found = located({"paths.run": str(tmp_path / "r"), "log.file": str(tmp_path / "l")})
    assert (found.run, found.log_file) == (tmp_path / "r", tmp_path / "l")


def test_a_tilde_is_the_users_home() -> None:
    found = located({"gateway.identity_file": "~/.ssh/id", "paths.run": "~/run"})
    assert found.identity_file == Path.home() / ".ssh/id"
    assert found.run == Path.home() / "run"


def test_a_file_named_without_its_directory_is_in_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = parse_agent(tomli_w.dumps(document()), file="agent.toml", directory=tmp_path)
    found = locate(config, Path("agent.toml"), {})
    assert found.identity_file == tmp_path / "id_ed25519"


def test_what_exists_wins_and_the_users_file_comes_first(tmp_path: Path) -> None:
    """But for an administrator the service's comes first."""
    user, service = tmp_path / "user.toml", tmp_path / "service.toml"
    assert choose_config(user, service, administrator=False) == user
    assert choose_config(user, service, administrator=True) == service
    service.touch()
    assert choose_config(user, service, administrator=False) == service
    user.touch()
    assert choose_config(user, service, administrator=False) == user
    assert choose_config(user, service, administrator=True) == service
    service.unlink()
    assert choose_config(user, service, administrator=True) == user


def test_a_parent_that_is_no_directory_has_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    service = tmp_path / "service.toml"
    service.touch()
    assert choose_config(tmp_path / "file" / "x", service, administrator=False) == service


def test_the_default_is_one_of_two() -> None:
    assert default_config() in {
        personal().configuration / "agent.toml",
        places.service().configuration / "agent.toml",
    }


def test_all_default_places_are_absolute_and_apart() -> None:
    for found in (personal(), places.service()):
        assert all(path.is_absolute() for path in found)
        assert len({found.state, found.run, found.logs}) == 3


class TestRunDirectory:
    """What the commands use to find the agent, whatever has become of the file."""

    def write(self, tmp_path: Path, text: str) -> Path:
        file = tmp_path / "agent.toml"
        file.write_text(text, encoding="utf-8")
        return file

    @pytest.mark.parametrize("run", ["r", "../r", "~/r", "/r"])
    def test_it_agrees_with_the_agent(self, tmp_path: Path, run: str) -> None:
        text = tomli_w.dumps(changed({"paths.run": run}))
        file = self.write(tmp_path, text)
        config = parse_agent(text, file="agent.toml", directory=tmp_path)
        assert run_directory(file, {}) == locate(config, file, {}).run

    def test_a_file_with_other_problems_still_says_it(self, tmp_path: Path) -> None:
        file = self.write(tmp_path, 'nonsense = 1\n[paths]\nrun = "r"\nstate = 5\n')
        assert run_directory(file, {}) == tmp_path / "r"

    @pytest.mark.parametrize("rest", ["nonsense", "[[service]]\nport = \n", "x = 1\nx = 1\n"])
    def test_a_file_that_is_no_toml_any_more_still_says_it(self, tmp_path: Path, rest: str) -> None:
        table = '[paths] # ours\nrun = "r"\nstate = "s"\n\n'
        for text in (f"{table}[x]\n{rest}", f"{rest}\n{table}", f"{rest}\n{table}[api]\n{rest}"):
            assert run_directory(self.write(tmp_path, text), {}) == tmp_path / "r"

    @pytest.mark.parametrize(
        "text", ["", "[paths", "[paths]\nrun = 5", "paths = 5", '[paths]\nrun = ""', "a='\\n'"]
    )
    def test_a_file_that_does_not_say_it_means_the_default(self, tmp_path: Path, text: str) -> None:
        assert run_directory(self.write(tmp_path, text), {}) == personal().run

    def test_a_missing_file_means_the_default(self, tmp_path: Path) -> None:
        assert run_directory(tmp_path / "none.toml", {}) == personal().run
        assert run_directory(places.service().configuration / "x", {}) == places.service().run


def test_a_further_agent_of_the_machine_shares_only_the_configurations_directory() -> None:
    service = places.service()
    file = service.configuration / "berlin.toml"
    config = parse_agent(tomli_w.dumps(document()), file=file.name, directory=file.parent)
    found = locate(config, file, {})
    assert found.state == service.state.with_name(f"{service.state.name}-berlin")
    assert found.run == run_directory(file, {}) == service.of_instance("berlin").run
    assert found.log_file == service.of_instance("berlin").logs / "agent.log"
    assert found.identity_file.parent == service.configuration


@pytest.mark.parametrize("name", ["agent.toml", "Berlin.toml", "a b.toml", "berlin.bak", "-a.toml"])
def test_a_name_that_no_instance_may_have_is_the_services_own(name: str) -> None:
    assert run_directory(places.service().configuration / name, {}) == places.service().run
