"""What `status` shows a person."""

import re

import click
import pytest
from msgspec.structs import replace

from ground2cloud.cli.status_view import status_lines
from ground2cloud.cli.words import ASCII, UNICODE
from ground2cloud.web.messages import Status
from tests.lab.fake_agent import NOW, lane, light, service, status


def shown(of: Status) -> str:
    return click.unstyle("\n".join(status_lines(of, NOW, UNICODE)))


def test_a_service_that_is_up_has_its_lights_and_their_times_on_one_line() -> None:
    (line,) = [line for line in shown(status()).splitlines() if line.startswith("quickbooks")]
    assert re.split("  +", line) == [
        "quickbooks",
        "up",
        "✓ 3 s ago",
        "✓ 3 s ago",
        "–",  # noqa: RUF001 - the dash is meant
        "✓ 40 s ago",
        "127.0.0.1:11081 → localhost:8080 (http)",
    ]


def test_columns_stand_under_each_other() -> None:
    lines = shown(status(service("a"), service("a-much-longer-name", "down"))).splitlines()
    rows = [line for line in lines if "localhost:8080" in line]
    assert len({row.index("127.0.0.1:11081") for row in rows}) == 1


def test_a_light_that_is_out_says_what_that_means() -> None:
    text = shown(
        status(
            service(
                state="down",
                ssh=light("down"),
                application=light("down", detail="nothing listens on localhost:8080"),
            )
        )
    )
    assert "  ✗ ssh: the connection to the gateway is down" in text
    assert "  ✗ application: nothing listens on localhost:8080" in text


def test_a_paused_service_is_not_complained_about() -> None:
    text = shown(status(service(state="paused", ssh=light("down"))))
    assert "paused" in text
    assert "ssh:" not in text


def test_a_lane_that_waits_says_why_and_until_when() -> None:
    waiting = lane(
        state="backoff",
        uptime=None,
        last_error="connection refused by g2c.example.com port 22",
        last_error_at="2026-11-22T10:14:58.120Z",
        hint="is sshd running there?",
        next_try_in=3.2,
        failures=4,
    )
    text = shown(status(service(state="down"), lanes=(waiting,)))
    assert "last error, 5 s ago: connection refused by g2c.example.com port 22" in text
    assert "hint: is sshd running there?" in text
    assert "next try in 3 s after 4 failures" in text


def test_the_hint_of_a_trouble_that_is_over_is_gone() -> None:
    over = lane(last_error="connection reset", hint="wait", last_error_at=None)
    text = shown(status(lanes=(over,)))
    assert "last error: connection reset" in text
    assert "hint" not in text


def test_a_broken_file_is_told_with_all_its_problems() -> None:
    text = shown(status(problems=("agent.toml: service[1].port: expected 1..65535, got 70000",)))
    assert "what ran before goes on:" in text
    assert "  agent.toml: service[1].port: expected 1..65535, got 70000" in text


def test_a_log_that_is_not_where_it_should_be_is_told_below_where_it_is() -> None:
    lines = shown(status(log_trouble="/x can't be opened")).splitlines()
    [log] = [line for line in lines if line.startswith("log ")]
    assert "/x can't be opened" in lines[lines.index(log) + 1]


def test_without_services_and_lanes_there_is_still_a_head() -> None:
    text = shown(replace(status(lanes=()), services=(), summary="no services"))
    assert text.startswith("Ground2Cloud 0.1.0: no services")
    assert "LANE" not in text


@pytest.mark.parametrize("evil", ["\x1b[2J", "\r", "\n2026 ERROR forged", "\u202e", "\x9b31m"])
def test_nothing_in_a_status_can_act_on_the_terminal(evil: str) -> None:
    text = "\n".join(
        status_lines(
            status(
                service(f"name{evil}", "down", ssh=light("down", detail=f"detail{evil}")),
                lanes=(
                    lane(name=f"lane{evil}", state="backoff", last_error=f"error{evil}", hint=evil),
                ),
                gateway=f"gateway{evil}",
                config=f"config{evil}",
                log=f"log{evil}",
                version=evil,
                summary=evil,
                problems=(evil,),
                log_trouble=evil,
            ),
            NOW,
            UNICODE,
        )
    )
    assert evil not in text
    assert all(part.isprintable() for part in click.unstyle(text).splitlines())


def test_where_the_encoding_has_no_signs_everything_of_ours_is_ascii() -> None:
    text = "\n".join(status_lines(status(service(state="down", ssh=light("down"))), NOW, ASCII))
    assert text.isascii()
    assert "  x ssh: the connection to the gateway is down" in text
