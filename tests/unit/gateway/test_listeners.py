"""The kernel's table of sockets, read up to where the listening ones end."""

from pathlib import Path

from ground2cloud.roles.gateway import system
from ground2cloud.roles.gateway.listeners import listening, parse

ME = system.number()
TABLE = f"""\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2B49 00000000:0000 0A 00000000:00000000 00:00000000 00000000 {ME:5}        0 1
   1: 0300007F:2B4A 00000000:0000 0A 00000000:00000000 00:00000000 00000000 {ME:5}        0 2
   2: 0200007F:2B49 00000000:0000 0A 00000000:00000000 00:00000000 00000000 {ME + 1:5}        0 6
   3: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 {ME:5}        0 3
   4: 0100007F:2B49 0100007F:A0B2 01 00000000:00000000 00:00000000 00000000 {ME:5}        0 4
   5: 0100007F:2B4C 00000000:0000 0A 00000000:00000000 00:00000000 00000000 {ME:5}        0 5
"""


def test_loopback_places_are_told_and_nothing_behind_the_first_connection(tmp_path: Path) -> None:
    """Nor what another account listens on: callers are led to lanes alone."""
    table = tmp_path / "tcp"
    table.write_text(TABLE)
    assert listening(table) == {("127.0.0.1", 11081), ("127.0.0.3", 11082)}


def test_an_empty_table_has_no_places(tmp_path: Path) -> None:
    table = tmp_path / "tcp"
    table.write_text(TABLE.splitlines(keepends=True)[0])
    assert listening(table) == frozenset()
    assert list(parse([], "0")) == []
