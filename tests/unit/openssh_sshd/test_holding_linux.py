"""Who listens where: the kernel's table, read up to where the listening sockets end."""

import os
import socket

from ground2cloud.openssh.sshd.holding import listening
from ground2cloud.openssh.sshd.holding._linux import parse
from ground2cloud.openssh.sshd.process import Process, identify

LINES = """\
   0: 0100007F:2B49 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11
   1: 0300007F:2B4A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 13 1 0
   3: 0100007F:2B49 0100007F:A0B2 01 00000000:00000000 00:00000000 00000000  1000        0 14
   4: 0100007F:2B4C 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 15
""".splitlines(keepends=True)


def test_of_the_table_only_what_is_wanted_and_listens_is_told() -> None:
    assert parse(LINES, {"11", "13", "14", "15"}) == {
        "11": ("127.0.0.1", 11081),
        "13": ("0.0.0.0", 22),
    }
    assert parse([], {"11"}) == {}


def test_a_process_has_its_own_places() -> None:
    """And one that has its number by now, or none that is there, has nothing."""
    me = identify(os.getpid())
    assert me is not None
    before_me = Process(me.pid, "once/1")
    nobody = Process(2**22 + 1, "never/1")
    with (
        socket.create_server(("127.0.0.3", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        found = listening([me, before_me, nobody])
        assert server.getsockname() in found[me]
        assert client.getsockname() not in found[me]
        assert not found[before_me]
        assert not found[nobody]
    assert listening([nobody]) == {nobody: frozenset()}
    assert listening([]) == {}
