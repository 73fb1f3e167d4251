"""What HAProxy prints is understood, and what is not HAProxy's is left alone."""

import logging

import pytest

from ground2cloud.core.spec import Outcome, Verdict
from ground2cloud.haproxy import reading
from ground2cloud.haproxy.observer import Observer, level, refused
from ground2cloud.haproxy.program import HaproxyProgram, judge

GOOD = "HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/\n+OPENSSL +LUA +PCRE2\n"
LOADED = "[NOTICE]   (9) : Loading success."
BIND = (
    "[ALERT]    (9) : Binding [haproxy.cfg:53] for frontend calls:"
    " cannot bind socket ({cause}) for [0.0.0.0:80]"
)


def test_ready_is_when_it_says_so_once_and_reloads_are_told() -> None:
    heard: list[bool] = []
    observer = Observer(heard.append)
    assert not observer.line("[NOTICE]   (9) : New worker (10) forked")
    assert observer.line(LOADED)
    assert heard == []
    observer.line("[WARNING]  (9) : Loading failure!")
    assert observer.line(LOADED)
    assert heard == [False, True]


@pytest.mark.parametrize(
    ("cause", "outcome", "reason"),
    [
        ("Permission denied", Outcome.PERMANENT, "port-forbidden"),
        ("Address already in use", Outcome.TRANSIENT, "port-taken"),
        ("Cannot assign requested address", Outcome.TRANSIENT, "address-missing"),
    ],
)
def test_a_port_that_can_not_be_had_is_told(cause: str, outcome: Outcome, reason: str) -> None:
    observer = Observer()
    observer.line(BIND.format(cause=cause))
    observer.line("[ALERT]    (9) : [haproxy.main()] Some protocols failed to start! Exiting.")
    verdict = observer.verdict(1)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert "0.0.0.0:80" in verdict.message


def test_an_end_after_ready_is_no_matter_of_ports() -> None:
    observer = Observer()
    observer.line(BIND.format(cause="Permission denied"))
    observer.line(LOADED)
    assert observer.verdict(-9).reason == "router-ended"
    assert "SIGKILL" in observer.verdict(-9).message


def test_a_refused_configuration_names_its_line() -> None:
    words = (
        "[NOTICE]   (9) : haproxy version is 2.6.12\n"
        "[ALERT]    (9) : config : parsing [haproxy.cfg:16] : unknown keyword 'x'\n"
        "[ALERT]    (9) : config : Fatal errors found in configuration."
    )
    verdict = refused(words)
    assert (verdict.outcome, verdict.reason) == (Outcome.PERMANENT, "config-bad")
    assert "haproxy.cfg:16" in verdict.evidence


def test_the_chatter_of_a_reload_is_for_debugging() -> None:
    assert level("[WARNING]  (9) : Proxy calls stopped (cumulated conns: FE: 0)") == logging.DEBUG
    assert level(LOADED) == logging.INFO
    assert level("[ALERT]    (9) : anything") == logging.WARNING


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("OpenSSH_9.2p1", "is not HAProxy"),
        ("HA-Proxy version 2.2.9-2\n+OPENSSL +LUA", "older than HAProxy 2.6"),
        (GOOD.replace("+LUA", "-LUA"), "without LUA"),
        ("", "is not HAProxy"),
    ],
)
def test_another_program_is_refused(words: str, part: str) -> None:
    answer = judge("/usr/sbin/haproxy", words)
    assert isinstance(answer, Verdict)
    assert part in answer.message


def test_a_good_program_is_known_by_its_version() -> None:
    answer = judge("/usr/sbin/haproxy", GOOD)
    assert isinstance(answer, HaproxyProgram)
    assert answer.version == (2, 6)


def test_answers_are_taken_apart_and_nonsense_is_left_out() -> None:
    table = (
        "# table: routes, type: string, size:204800, used:1\n"
        "0x55: key=1001/web use=0 exp=0 conn_cnt=5 conn_cur=1 bytes_in_cnt=8 bytes_out_cnt=9\n?\n"
        "0x5: key=1001/web@7@::1 use=0 exp=9 shard=0 conn_cnt=1 conn_cur=1 bytes_in_cnt=1"
        " bytes_out_cnt=1\n"
    )
    assert reading.usages(table) == {
        "1001/web": reading.Usage(5, 1, 8, 9),
        "1001/web@7@::1": reading.Usage(1, 1, 1, 1),
    }
    callers = (
        "# table: callers, type: string, size:1048576, used:2\n"
        "0x5: key=1001/web@7@2001:db8::1@55 use=1 exp=999 conn_cur=1\n"
        "0x6: key=1001/db@-@127.0.0.1@56 use=1 exp=999 conn_cur=1\n0x7: key=1001/x use=0\n"
        "0x8: key=1001/db@8@127.0.0.2 use=1 exp=0 conn_cur=1\n"
    )
    assert [*reading.calls(callers)] == [
        reading.Call("2001:db8::1", 55, 7, "1001/web"),
        reading.Call("127.0.0.1", 56, None, "1001/db"),
        reading.Call("127.0.0.2", None, 8, "1001/db"),
    ]
    sessions = (
        "0x5657: proto=tcpv4 src=127.0.0.1:56 fe=calls be=tcp_1 srv=slot1 scb=[8,1h,fd=18] \n"
        "0x5658: proto=tcpv4 src=127.0.0.1:57 fe=shared_1 be=ssh_1 srv=sshd scb=[8,1h,fd=19] \n"
        "0x5659: proto=tcpv4 src=127.0.0.1:58 fe=calls be=http_1 srv=slot1 scb=[10,1h,fd=-1] \n"
        "0x1: proto=unix src=unix:1 "
    )
    assert [*reading.sessions(sessions)] == [("0x5657", ("127.0.0.1", 56))]
    for source in ("2001:db8::1", "::ffff:0:1", "127.0.0.1"):
        told = sessions.partition("\n")[0].replace("127.0.0.1", source)
        assert [*reading.sessions(told)] == [("0x5657", (source, 56))]
    told = sessions.partition("\n")[0].replace("127.0.0.1", "::ffff:127.0.0.1")
    assert [*reading.sessions(told)] == [("0x5657", ("127.0.0.1", 56))]
    processes = "#<PID> <type>\n9 master 0\n# workers\n11 worker 0\n# old workers\n12 worker 1\n"
    assert reading.workers(processes) == (11, 12)
    assert reading.older_workers(processes) == (12,)
    assert reading.present_worker(processes) == 11
    assert reading.present_worker("# old workers\n12 worker 1\n") is None
    assert reading.older_workers("# workers\n11 worker 0\n# programs\n") == ()
