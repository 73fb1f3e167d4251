"""The container image: built, run, asked for its health, stopped."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.agent import service, write_config
from tests.lab.httpapp import HttpApp
from tests.lab.places import short_directory
from tests.lab.ports import free_port
from tests.lab.processes import is_alive
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import http_get, wait_until
from tests.services.lab.container import Container, Images

# Building takes a minute, and two where the base has to be made, too: the first test waits for it.
pytestmark = [pytest.mark.lane("container"), pytest.mark.timeout(600)]

ACCOUNT = 3014


@pytest.fixture(scope="module")
def images() -> Iterator[Images]:
    """The image, built of this checkout."""
    with short_directory() as directory, Images(directory) as made:
        made.build()
        yield made


@pytest.fixture
def sshd() -> Iterator[ThrowawaySshd]:
    """The gateway."""
    with ThrowawaySshd() as running:
        yield running


@pytest.fixture
def port() -> int:
    """Where the gateway offers the application."""
    return free_port()


@pytest.fixture
def configuration(short_dir: Path, sshd: ThrowawaySshd, http_app: HttpApp, port: int) -> Path:
    """What is mounted at /etc/ground2cloud."""
    key = short_dir / "id_ed25519"
    key.write_bytes(sshd.identity_file.read_bytes())
    path = write_config(
        short_dir,
        sshd,
        [service(http_app.port, port)],
        gateway={"identity_file": "id_ed25519"},
        log={"file": "/var/log/ground2cloud/agent.log"},
        paths={"state": "/var/lib/ground2cloud", "run": "/run/ground2cloud"},
        backoff={"maximum": 1.0},
    )
    for each in (short_dir, key, path):
        os.chown(each, ACCOUNT, ACCOUNT)
    key.chmod(0o600)
    return short_dir


@pytest.fixture
def container(images: Images, configuration: Path) -> Iterator[Container]:
    """A container of the image, not yet started."""
    with Container(images, configuration) as made:
        yield made


def wait_served(port: int) -> None:
    wait_until(lambda: "hello" in http_get(port), timeout=20, what="200 OK through the tunnel")


def test_the_image_says_to_an_engine_what_it_has_to_know(images: Images) -> None:
    settings = images.settings()
    assert settings["User"] == f"{ACCOUNT}:{ACCOUNT}"
    assert settings["StopSignal"] == "SIGTERM"
    assert settings["Healthcheck"]["Test"][0] == "CMD"
    assert set(settings["Volumes"]) == {"/var/lib/ground2cloud"}


@pytest.mark.shows("start", "by the engine; HEALTHCHECK 0 while every service is up, else 1")
@pytest.mark.shows("stop", "SIGTERM: exit code 0, and nothing is left running")
def test_its_health_follows_the_tunnel_and_sigterm_ends_it_with_0(
    container: Container, sshd: ThrowawaySshd, port: int
) -> None:
    container.start()
    wait_served(port)
    assert container.agent().uids().real == ACCOUNT
    assert container.health() == 0
    sshd.stop()
    wait_until(lambda: container.health() == 1, what="HEALTHCHECK 1, the tunnel is cut")
    sshd.start()
    wait_until(lambda: container.health() == 0, timeout=20, what="HEALTHCHECK 0, it is back")
    wait_served(port)
    processes = [container.agent(), *container.ssh()]
    assert len(processes) == 2
    container.agent().terminate()
    assert container.wait() == 0
    assert not any(map(is_alive, processes))


@pytest.mark.shows("reload", "`ground2cloud reload` inside, or SIGHUP")
def test_sighup_reloads(
    container: Container, configuration: Path, http_app: HttpApp, port: int
) -> None:
    container.start()
    wait_served(port)
    agent, further = container.agent(), free_port()
    path = configuration / "agent.toml"
    path.write_text(path.read_text().replace(str(port), str(further)))
    agent.send_signal(1)
    wait_served(further)
    assert container.agent() == agent
    assert http_app.requests >= 2


@pytest.mark.shows("crash", "no ssh is left over; the engine starts it again")
def test_a_killed_agent_leaves_no_ssh(container: Container, port: int) -> None:
    container.start()
    wait_served(port)
    old = container.ssh()
    container.agent().kill()
    assert container.wait() != 0
    wait_until(lambda: not any(map(is_alive, old)), what="the end of the old ssh")
    container.start()
    wait_served(port)


@pytest.mark.shows("exit 78", "ends with 78; compose tries ten times, and then no more")
def test_a_bad_configuration_ends_it_with_78(container: Container, configuration: Path) -> None:
    (configuration / "agent.toml").write_text("nonsense = 1\n")
    container.start()
    assert container.wait() == 78


@pytest.mark.shows("hang", "HEALTHCHECK 1; what follows is the engine's")
def test_a_hung_agent_is_not_healthy(container: Container, port: int) -> None:
    container.start()
    wait_served(port)
    container.agent().suspend()
    assert container.health() == 1
