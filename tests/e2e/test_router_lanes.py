"""Which lane a request is led to, and what becomes of it where one ends."""

import socket
import threading
from pathlib import Path

from ground2cloud.haproxy.routes import Timeouts
from tests.lab import listener
from tests.lab.httpapp import HttpApp
from tests.lab.listener import standing
from tests.lab.router import Router, backend, head

QUICK = Timeouts(connect=1.0, request=2.0)


def test_a_request_goes_to_the_slot_that_answers(short_dir: Path) -> None:
    """Of two lanes one is gone: nobody notices. The requests spread over those that are there."""
    with (
        HttpApp("one", host="127.0.0.1") as one,
        HttpApp("two", host="127.0.0.2", port=one.port),
        Router(
            short_dir, [backend(one.port, slots=("127.0.0.1", "127.0.0.2"))], timeouts=QUICK
        ) as router,
    ):
        assert {router.get().body for _ in range(6)} == {b"hello from one\n", b"hello from two\n"}
        one.stop()
        for _ in range(6):
            assert router.get().body == b"hello from two\n"
            assert router.ask(head("POST", "/", "1001", "Content-Length: 0")).status == 200
            with router.tunnel("1001"):
                pass


def test_a_lane_that_comes_back_in_time_goes_unnoticed(short_dir: Path, http_app: HttpApp) -> None:
    patient = Timeouts(connect=20.0)
    with Router(short_dir, [backend(http_app.port)], timeouts=patient) as router:
        http_app.stop()
        timer = threading.Timer(1.5, http_app.start)
        timer.start()
        assert router.get().status == 200
        timer.join()


def test_what_ends_on_one_lane_is_asked_of_the_other_but_never_twice_if_it_changes_something(
    short_dir: Path,
) -> None:
    heads: list[bytes] = []

    def drops(connection: socket.socket) -> None:
        heads.append(listener.read_request(connection))

    with (
        standing(drops) as port,
        HttpApp("two", host="127.0.0.2", port=port),
        Router(
            short_dir, [backend(port, slots=("127.0.0.1", "127.0.0.2"))], timeouts=QUICK
        ) as router,
    ):
        for _ in range(4):
            assert router.get().body == b"hello from two\n"
        assert heads, "the lane that drops was asked first now and then"
        heads.clear()
        post = head("POST", "/", "1001", "Content-Length: 0")
        answers = [router.ask(post).status for _ in range(6)]
        assert answers.count(502) == len(heads) > 0
        assert answers.count(200) == 6 - len(heads)


def test_where_there_is_no_other_lane_nothing_is_sent_twice(short_dir: Path) -> None:
    heads: list[bytes] = []

    def drops(connection: socket.socket) -> None:
        heads.append(listener.read_request(connection))

    with standing(drops) as port, Router(short_dir, [backend(port)], timeouts=QUICK) as router:
        assert router.get().error == "application-unreachable"
        assert len(heads) == 1
