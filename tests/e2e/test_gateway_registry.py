"""A whole gateway on each of the databases that its registry may be kept in."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ground2cloud.backchannel.errors import RefusedError, Slug
from ground2cloud.backchannel.messages import HeartbeatRequest
from ground2cloud.config.model import Kind
from ground2cloud.registry.store import Registry
from tests.lab.gateway import GatewayLab, LabAgent, Response, public
from tests.lab.httpapp import HttpApp
from tests.lab.postgres import Postgres
from tests.lab.registering import enter, make_invite
from tests.lab.waiting import wait_until

WEB = ("web", Kind.HTTP)
SQLITE = "sqlite"
POSTGRESQL = "postgresql"


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A PostgreSQL of the test's own, which it may stop."""
    with Postgres() as running:
        yield running


def on(directory: Path, server: Postgres) -> GatewayLab:
    """A gateway with its registry in PostgreSQL."""
    url = f"postgresql://postgres@127.0.0.1:{server.port}/postgres"
    return GatewayLab(directory, registry={"url": url})


@pytest.fixture
def gateway(request: pytest.FixtureRequest, short_dir: Path) -> Iterator[GatewayLab]:
    """A gateway, not yet started, on one of the databases."""
    if request.param == SQLITE:
        lab = GatewayLab(short_dir)
    else:
        lab = on(short_dir, request.getfixturevalue("server"))
    yield lab
    lab.kill()


def caller(gateway: GatewayLab, agent: LabAgent, key: str) -> Callable[[], Response]:
    """Call the agent's application."""
    route = {"Ground2Cloud_Route": f"{agent.id}/web", "Ground2Cloud_Key": key}
    return lambda: gateway.request(**route)


@pytest.mark.parametrize("gateway", [SQLITE, POSTGRESQL], indirect=True)
def test_the_whole_way_from_invite_to_revoke_and_over_a_restart(
    gateway: GatewayLab, http_app: HttpApp
) -> None:
    gateway.start()
    gateway.wait_ready()
    agent, other = gateway.register(WEB), gateway.register(WEB)
    shop, guest = (
        gateway.do("element", "add", name, "--grant", str(agent.id)) for name in ("shop", "guest")
    )
    call, call_as_guest = caller(gateway, agent, shop), caller(gateway, agent, guest)
    with agent.lane({"web": http_app.port}):
        wait_until(lambda: call().status == 200, what="the application")
        assert call_as_guest().status == 200
        gateway.do("element", "revoke", "guest")
        assert call_as_guest()[:2] == (401, "wrong-key")
        gateway.do("revoke", str(other.id))
        assert caller(gateway, other, shop)().status in {403, 404}
        with pytest.raises(RefusedError) as refused:
            other.client.claim("127.0.0.1")
        assert refused.value.slug == Slug.REVOKED
        before = gateway.agent(agent.id).services
        gateway.stop()
    gateway.start()
    gateway.wait_ready()
    with agent.lane({"web": http_app.port}):
        wait_until(lambda: call().status == 200, what="the application again")
        assert [each.port for each in gateway.agent(agent.id).services] == [
            each.port for each in before
        ]
        assert call_as_guest()[:2] == (401, "wrong-key")
    with other.lane({"web": http_app.port}) as lane:
        assert lane.wait(timeout=20) == 255
    assert gateway.register(WEB).id == other.id + 1
    assert (gateway.directory / "state" / "registry.sqlite").exists() == (
        "[registry]" not in gateway.config.read_text()
    )


def unavailable(call: Callable[[], object]) -> None:
    """Expect the answer that tells an agent to come back."""
    with pytest.raises(RefusedError) as refused:
        call()
    assert refused.value.slug == Slug.UNAVAILABLE
    assert refused.value.retry_after == 5


def test_postgresql_may_go_away_and_come_back(
    short_dir: Path, server: Postgres, http_app: HttpApp
) -> None:
    """Lanes and routes go on, agents are told to come back, the operator is told once."""
    with on(short_dir, server) as gateway:
        agent = gateway.register(WEB)
        join = gateway.do("invite")
        key = gateway.do("element", "add", "shop", "--grant", str(agent.id))
        call = caller(gateway, agent, key)
        beat = HeartbeatRequest(version="1", time=time.time())
        with agent.lane({"web": http_app.port}) as lane:
            wait_until(lambda: call().status == 200, what="the application")
            server.stop()
            wait_until(lambda: gateway.status().problems, what="the operator is told")
            assert call().status == 200
            for _ in range(25):  # more than a stranger may try wrong tokens
                unavailable(lambda: agent.client.heartbeat(beat))
            unavailable(lambda: agent.client.claim("127.0.0.2"))
            unavailable(lambda: gateway.register(WEB, join=join))
            told = gateway.cli("invite")
            assert told.returncode == 1
            assert "can't be used" in told.stderr
            lane.kill()
            lane.wait()
            with agent.lane({"web": http_app.port}):  # keys and routes are in force without it
                wait_until(lambda: call().status == 200, what="the application by a new lane")
                server.start()
                wait_until(lambda: not gateway.status().problems, what="all well again")
                assert agent.client.heartbeat(beat).keys
                assert agent.client.claim("127.0.0.2").holder == "none"
                assert call().status == 200
        assert gateway.register(WEB, join=join).id == agent.id + 1
        lines = gateway.log_text().splitlines()
        [trouble] = [line for line in lines if " ERROR " in line]
        [again] = [line for line in lines if "registry can be used again" in line]
        assert "can't be used" in trouble
        assert lines.index(trouble) < lines.index(again)
        assert '"reason":"unavailable"' not in gateway.audit()


def test_what_is_owed_does_not_wait_for_postgresql(short_dir: Path, server: Postgres) -> None:
    """Keys that a full disk kept from being written need no database; and they are told apart."""
    with on(short_dir, server) as gateway:
        keys = short_dir / "run" / "authorized_keys"
        keys.unlink()
        (keys / "in the way").mkdir(parents=True)
        unavailable(lambda: gateway.register(WEB))
        wait_until(lambda: gateway.status().problems, what="the operator is told")
        [problem] = gateway.status().problems
        assert "keys of sshd can't be written" in problem
        server.stop()
        wait_until(lambda: len(gateway.status().problems) == 2, what="both are told")
        (keys / "in the way").rmdir()
        keys.rmdir()
        wait_until(lambda: "ssh-ed25519" in keys.read_text(), what="the keys", timeout=20)
        wait_until(lambda: "keys of sshd are written again" in gateway.log_text(), what="told")
        assert "registry can be used again" not in gateway.log_text()


def test_postgresql_may_hang(short_dir: Path, server: Postgres, http_app: HttpApp) -> None:
    """A server that lives and does not answer is away, too: nothing waits for it for ever."""
    with on(short_dir, server) as gateway:
        agent = gateway.register(WEB)
        key = gateway.do("element", "add", "shop", "--grant", str(agent.id))
        call = caller(gateway, agent, key)
        with agent.lane({"web": http_app.port}):
            wait_until(lambda: call().status == 200, what="the application")
            with server.frozen():
                begun = time.monotonic()
                unavailable(lambda: agent.client.claim("127.0.0.2"))
                assert time.monotonic() - begun > 1, "nothing was frozen"
                wait_until(lambda: gateway.status().problems, what="the operator is told")
                assert call().status == 200
            wait_until(lambda: not gateway.status().problems, what="all well again")
            assert agent.client.claim("127.0.0.2").holder == "none"


def test_a_gateway_does_not_start_without_its_registry(short_dir: Path, server: Postgres) -> None:
    """Whoever supervises it tries again; what it would serve without is unknown."""
    server.stop()
    gateway = on(short_dir, server)
    told = gateway.cli("run")  # within 30 s, or that fails
    assert told.returncode == 1
    assert "can't be used" in told.stderr
    server.start()
    with gateway:
        assert gateway.register(WEB).id == 1001


def test_what_another_gateway_renews_ends_the_former_machines_lanes_here(
    short_dir: Path, http_app: HttpApp
) -> None:
    with GatewayLab(short_dir) as gateway, closing(Registry(gateway.registry)) as registry:
        former, other = gateway.register(WEB), gateway.register(WEB)
        with (
            former.lane({"web": http_app.port}) as ends,
            other.lane({"web": http_app.port}) as stays,
        ):
            for agent in (former, other):
                wait_until(lambda agent=agent: gateway.agent(agent.id).lanes, what="its lane")  # type: ignore[misc]
            enter(registry, make_invite(registry, former.id), "new")
            assert ends.wait(timeout=20) == 255
            assert stays.poll() is None


def copy(source: Path, target: Path) -> None:
    """Copy a database as `.backup` and `.restore` of sqlite3 do, while others have it open."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def test_a_backup_may_be_put_back_under_a_running_gateway(
    short_dir: Path, http_app: HttpApp
) -> None:
    """What came after it is over at once; its number and ports go to the next who registers."""
    file, backup = short_dir / "state" / "registry.sqlite", short_dir / "backup.sqlite"
    with GatewayLab(short_dir) as gateway:
        kept, rotated = gateway.register(WEB), gateway.register(WEB)
        copy(file, backup)
        key = gateway.do("element", "add", "shop", "--grant", str(kept.id))
        over = gateway.register(WEB)
        new = rotated.new_key("next")
        assert rotated.client.propose_key(public(new)).state == "proposed"
        with (
            kept.lane({"web": http_app.port}) as stays,
            over.lane({"web": http_app.port}) as ends,
            rotated.lane({"web": http_app.port}, key=new) as ends_too,
        ):
            call = caller(gateway, kept, key)
            wait_until(lambda: call().status == 200, what="the application")
            wait_until(lambda: rotated.client.propose_key(public(new)).state == "proven", what="it")
            wait_until(lambda: gateway.agent(over.id).lanes, what="the lane of who is over")
            copy(backup, file)
            for lane in (ends, ends_too):
                assert lane.wait(timeout=20) == 255
            assert stays.poll() is None
            wait_until(lambda: call()[:2] == (401, "wrong-key"), what="the element is over")
        assert [each.id for each in gateway.agents()] == [kept.id, rotated.id]
        keys = gateway.directory / "run" / "authorized_keys"
        wait_until(lambda: public(over.key) not in keys.read_text(), what="the key is withdrawn")
        assert public(kept.key) in keys.read_text()
        assert "put back to an older state" in gateway.log_text()
        after = gateway.register(WEB)
        assert (after.id, after.ports) == (over.id, over.ports)
        call = caller(
            gateway, after, gateway.do("element", "add", "shop", "--grant", str(after.id))
        )
        with after.lane({"web": http_app.port}):
            wait_until(lambda: call().status == 200, what="the application of the next")


def test_lanes_of_what_a_backup_does_not_know_end_with_the_next_start(
    short_dir: Path, http_app: HttpApp
) -> None:
    """Sessions outlive a gateway that was killed, and their keys are of nobody then."""
    file, backup = short_dir / "state" / "registry.sqlite", short_dir / "backup.sqlite"
    with GatewayLab(short_dir) as gateway:
        kept, rotated = gateway.register(WEB), gateway.register(WEB)
        copy(file, backup)
        over = gateway.register(WEB)
        new = rotated.new_key("next")
        assert rotated.client.propose_key(public(new)).state == "proposed"
        with (
            kept.lane({"web": http_app.port}) as stays,
            over.lane({"web": http_app.port}) as ends,
            rotated.lane({"web": http_app.port}, key=new) as ends_too,
        ):
            for each in (kept, over, rotated):
                wait_until(lambda each=each: gateway.agent(each.id).lanes, what="its lane")  # type: ignore[misc]
            wait_until(lambda: rotated.client.propose_key(public(new)).state == "proven", what="it")
            gateway.crash()
            assert (stays.poll(), ends.poll(), ends_too.poll()) == (None, None, None)
            copy(backup, file)
            gateway.start()
            gateway.wait_ready()
            for lane in (ends, ends_too):
                assert lane.wait(timeout=20) == 255
            assert stays.poll() is None
            assert [each.id for each in gateway.agents()] == [kept.id, rotated.id]
