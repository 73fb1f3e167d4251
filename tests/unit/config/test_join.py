"""The join string: what goes in comes out, and what was damaged on its way is told."""

import base64
import hashlib
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.config.join import PREFIX, Join, decode, encode

HOSTS = st.sampled_from(["g2c.example.com", "203.0.113.7", "2001:db8::7", "a", "x" * 253])
JOINS = st.builds(
    Join,
    host=HOSTS,
    port=st.integers(1, 65535),
    token=st.binary(min_size=32, max_size=32).map(
        lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    ),
    pin=st.binary(min_size=32, max_size=32).map(bytes.hex),
)
JOIN = Join("g2c.example.com", 3014, secrets.token_urlsafe(32), "ab" * 32)
LINE = encode(JOIN)


def made(payload: bytes) -> str:
    """Return a join string with a right checksum and whatever in it."""
    whole = payload + hashlib.sha256(PREFIX.encode() + payload).digest()[:4]
    return PREFIX + base64.urlsafe_b64encode(whole).rstrip(b"=").decode()


@given(JOINS)
def test_what_was_written_is_read(join: Join) -> None:
    line = encode(join)
    assert line.isascii()
    assert line.isprintable()
    assert " " not in line
    assert decode(line) == join


def test_it_fits_into_two_lines_of_a_terminal() -> None:
    assert len(LINE) < 160


@given(JOINS, st.data())
def test_a_line_that_was_cut_short_is_told(join: Join, data: st.DataObject) -> None:
    line = encode(join)
    cut = data.draw(st.integers(len(PREFIX), len(line) - 1))
    with pytest.raises(ValueError, match="damaged or was cut short"):
        decode(line[:cut])


@given(JOINS, st.data())
def test_one_wrong_character_is_told(join: Join, data: st.DataObject) -> None:
    line = encode(join)
    place = data.draw(st.integers(len(PREFIX), len(line) - 1))
    character = data.draw(st.sampled_from("AZaz09-_+/=.é").filter(lambda c: c != line[place]))
    with pytest.raises(ValueError, match="damaged or was cut short"):
        decode(line[:place] + character + line[place + 1 :])


@pytest.mark.parametrize(
    "pasted", [f"  {LINE}\n", f'"{LINE}"', f"'{LINE}' ", f"{LINE[:60]}\r\n{LINE[60:]}", f"`{LINE}`"]
)
def test_what_a_paste_adds_does_not_matter(pasted: str) -> None:
    assert decode(pasted) == JOIN


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the join string is empty"),
        (" \n", "the join string is empty"),
        ("hello", "a join string begins with g2c1-"),
        (LINE[5:], "a join string begins with g2c1-"),
        (f"g2c2-{LINE[5:]}", "another version"),
        ("g2c1-", "damaged or was cut short"),
        (LINE + LINE, "damaged or was cut short"),
        (LINE * 50, "more than a join string"),
        ("g2c1-" + "A" * 10**6, "more than a join string"),
    ],
)
def test_what_is_no_join_string_is_said_in_one_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        decode(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "host", [b"", b"-oProxyCommand=x", b"a b", b"a\nb", b"ab\n", b"\xc3\xa9.example", b"x" * 254]
)
def test_a_forged_host_is_refused(host: bytes) -> None:
    with pytest.raises(ValueError, match=r"host is no|damaged"):
        decode(made(b"p" * 32 + b"t" * 32 + b"\x0b\xc6" + host))


def test_a_forged_port_is_refused() -> None:
    with pytest.raises(ValueError, match="port is not of 1"):
        decode(made(b"p" * 32 + b"t" * 32 + b"\0\0" + b"host"))


@pytest.mark.parametrize(
    ("join", "said"),
    [
        (Join("a b", 1, JOIN.token, JOIN.pin), "host"),
        (Join("a\n", 1, JOIN.token, JOIN.pin), "host"),
        (Join("a", 65536, JOIN.token, JOIN.pin), "port"),
        (Join("a", 0, JOIN.token, JOIN.pin), "port"),
        (Join("a", 1, JOIN.token[:-1], JOIN.pin), "token"),
        (Join("a", 1, "é" * 43, JOIN.pin), "token"),
        (Join("a", 1, JOIN.token, JOIN.pin.upper()), "pin"),
        (Join("a", 1, JOIN.token, JOIN.pin + "\n"), "pin"),
    ],
)
def test_what_can_not_be_written_is_refused(join: Join, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        encode(join)


def test_the_token_shows_neither_in_its_repr_nor_in_an_error() -> None:
    assert JOIN.token not in repr(JOIN)
    with pytest.raises(ValueError, match="damaged") as caught:
        decode(LINE[:-1])
    assert LINE[10:40] not in str(caught.value)
