"""Every call of the agent, through to the desk and back."""

import ast
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from ground2cloud.backchannel import messages
from ground2cloud.backchannel.client import Client
from ground2cloud.backchannel.errors import RefusedError, Slug, UnreachableError
from ground2cloud.backchannel.messages import Caller
from ground2cloud.config.model import MOST_SERVICES, Kind
from ground2cloud.core import clock
from tests.lab.fake_desk import (
    JOIN,
    KEY,
    NEW_KEY,
    SLOTS,
    TOKEN,
    Place,
    hash_of,
    request,
    serving,
)

ME = Caller(registration=1001, token_hash=hash_of(TOKEN), source="127.0.0.1")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with serving(tmp_path) as running:
        yield running


def test_a_registration_comes_back_with_ports_and_slots(place: Place) -> None:
    wanted = request("books", "db")
    registered = place.client().register(JOIN, wanted)
    assert registered.registration == 1001
    assert [(one.name, one.port) for one in registered.services] == [
        ("books", 11081),
        ("db", 11082),
    ]
    assert registered.slots == SLOTS
    assert place.desk.asked == [("127.0.0.1", wanted)]


def test_a_registration_whose_answer_was_lost_can_be_repeated(place: Place) -> None:
    gate = threading.Event()
    place.desk.gate = gate
    with pytest.raises(UnreachableError, match=r"no answer within 0\.5 s"):
        place.client(timeout=0.5).register(JOIN, request("books"))
    gate.set()
    assert place.client().register(JOIN, request("books")).registration == 1001
    assert place.desk.written == ["register"]


def test_every_other_call_reaches_the_desk_with_who_asks(place: Place) -> None:
    client = place.known()
    report = messages.HeartbeatRequest(
        version="0.1.0",
        time=clock.wall(),
        lanes=(messages.LaneReport(slot="127.0.0.1", state="ready", ready_for=3.5),),
        services=(messages.ServiceReport(name="books", application="up"),),
    )
    services = client.set_services([("books", Kind.HTTP), ("db", Kind.POSTGRESQL)])
    assert [one.port for one in services.services] == [11081, 11082]
    assert client.claim("127.0.0.2", older_than=1.5).dial_in == 0.25
    assert client.heartbeat(report).keys == (KEY,)
    assert client.probe("127.0.0.1", "n" * 20).result == "not-supported"
    assert client.propose_key(NEW_KEY).state == "proposed"
    assert client.heartbeat(report).keys == (KEY, NEW_KEY)
    assert client.propose_key(KEY).state == "proven"
    assert client.unregister().registration == 1001
    assert place.desk.asked[1] == (ME, "127.0.0.2", messages.ClaimRequest(older_than=1.5))
    assert place.desk.asked[2] == (ME, report)
    assert place.desk.asked[-1] == ME


def test_the_largest_honest_messages_fit(place: Place) -> None:
    names = tuple(f"{'x' * 61}{number:02}" for number in range(MOST_SERVICES))
    line = "🜂" * 200
    report = messages.HeartbeatRequest(
        version=line,
        time=clock.wall(),
        lanes=tuple(
            messages.LaneReport(slot="127.0.0.200", state="starting", last_error=line)
            for _ in range(2 * messages.MAX_SLOTS)
        ),
        services=tuple(messages.ServiceReport(name=name, detail=line) for name in names),
    )
    assert 55_000 < len(msgspec.json.encode(report)) < 64_000  # as `BODY_LIMIT` says
    client = place.known()
    assert client.heartbeat(report).next_in == 30
    assert len(place.client("n" * 43).register(JOIN, request(*names)).services) == len(names)


def test_too_many_services_are_refused_in_words_for_whoever_has_them(place: Place) -> None:
    many = [(f"s{number}", Kind.TCP) for number in range(MOST_SERVICES + 1)]
    with pytest.raises(RefusedError) as caught:
        place.known().set_services(many)
    assert caught.value.slug == Slug.MALFORMED
    assert caught.value.message == f"at most {MOST_SERVICES} services, got {len(many)}"
    assert place.desk.asked == []
    assert len(place.known().set_services(many[1:]).services) == MOST_SERVICES


def test_the_difference_of_the_clocks_is_measured(place: Place) -> None:
    client = place.known()
    assert client.timing is None
    with pytest.raises(RefusedError):
        client.claim("127.0.0.9")  # a refusal tells the time as well
    assert client.timing is not None
    assert abs(client.timing.skew) <= client.timing.round_trip / 2 + 0.01


def test_a_refusal_comes_back_as_it_was_meant(place: Place) -> None:
    place.desk.fault = RefusedError(Slug.UNAVAILABLE, "not now", "try again", retry_after=7)
    with pytest.raises(RefusedError) as caught:
        place.known().claim("127.0.0.1")
    refusal = caught.value
    assert (refusal.slug, refusal.message, refusal.hint) == (
        Slug.UNAVAILABLE,
        "not now",
        "try again",
    )
    assert refusal.retry_after == 7


def test_the_ca_can_be_kept(place: Place) -> None:
    place.known()
    client = place.client()
    kept = client.fetch_authority()
    assert kept == place.certificates.authority
    again = Client(
        "127.0.0.1", place.server.port, pin=place.certificates.pin, authority=kept, token=TOKEN
    )
    assert again.unregister().registration == 1001


def test_a_slot_cannot_leave_its_place_in_the_path(place: Place) -> None:
    with pytest.raises(RefusedError) as caught:
        place.known().claim("../../self")
    assert caught.value.slug == Slug.SLOT_UNKNOWN
    assert place.desk.asked == []


def test_the_agent_needs_nothing_of_the_gateways_packages() -> None:
    """Neither directly nor through another module."""
    script = (
        "import sys; import ground2cloud.backchannel.client;"
        " print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=30
    )
    loaded = set(ast.literal_eval(done.stdout))
    assert not loaded & {"cryptography", "sqlalchemy", "prometheus_client", "aiohttp", "asyncio"}
