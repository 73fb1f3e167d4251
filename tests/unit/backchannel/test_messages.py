"""What the types let through, and what they never do."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground2cloud.backchannel import messages
from tests.lab.fake_desk import KEY, TOKEN, request

STRINGS = (
    messages.ServiceName,
    messages.Slot,
    messages.PublicKey,
    messages.Token,
    messages.HostName,
    messages.Account,
    messages.Line,
)


@pytest.mark.parametrize("kind", STRINGS, ids=range(len(STRINGS)))
@given(text=st.text(alphabet=st.sampled_from("aZ0-_.:/ +%\"'\n\r\t\0\x1b\x7f\x85\u2028")))
def test_no_string_breaks_a_line_or_a_terminal(kind: type[str], text: str) -> None:
    try:
        msgspec.convert(text, kind)
    except msgspec.ValidationError:
        return
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", text)


GOOD = [
    (messages.ServiceName, ("books", "a_b-1", "0")),
    (messages.Slot, ("127.0.0.1", "127.0.0.16", "127.0.0.254")),
    (messages.PublicKey, (KEY,)),
    (messages.Token, (TOKEN,)),
    (messages.HostName, ("g2c.example.com", "192.0.2.1", "::1", "2001:db8::7", "a")),
    (messages.Account, ("ground2cloud", "_g2c")),
    (messages.Line, ("", "Büro Süd, 2. Stock")),
]


@pytest.mark.parametrize(("kind", "good"), GOOD, ids=range(len(GOOD)))
def test_what_is_right_passes(kind: type[str], good: tuple[str, ...]) -> None:
    for text in good:
        assert msgspec.convert(text, kind) == text


@pytest.mark.parametrize(("kind", "good"), GOOD, ids=range(len(GOOD)))
@pytest.mark.parametrize("end", ["\n", "\r", "\0", "\u2028"])
def test_nothing_may_follow_it(kind: type[str], good: tuple[str, ...], end: str) -> None:
    """Python's `$` would let one line end pass."""
    for text in good:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(text + end, kind)


@pytest.mark.parametrize(("kind", "good"), GOOD[:-1], ids=range(len(GOOD) - 1))
@given(data=st.data())
def test_what_goes_into_ssh_has_no_quote_no_space_of_its_own_and_no_token(
    kind: type[str], good: tuple[str, ...], data: st.DataObject
) -> None:
    """Wherever one of them stands in what is right otherwise, or in place of a character."""
    text = data.draw(st.sampled_from(good))
    place = data.draw(st.integers(0, len(text)))
    wrong = data.draw(st.sampled_from("\"'\\%$`;*?!~#=,@() \t"))
    for rest in (text[place:], text[place + 1 :]):
        changed = text[:place] + wrong + rest
        if changed != text:
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert(changed, kind)


@pytest.mark.parametrize(("kind", "good"), GOOD[:-1], ids=range(len(GOOD) - 1))
def test_what_goes_into_ssh_is_no_option(kind: type[str], good: tuple[str, ...]) -> None:
    for text in good:
        for option in (f"-{text}", f"-{text[1:]}"):
            if kind is not messages.Token or len(option) > len(TOKEN):
                with pytest.raises(msgspec.ValidationError):
                    msgspec.convert(option, kind)


def test_a_token_is_not_shown() -> None:
    shown = repr(request("books"))
    assert TOKEN not in shown
    assert "books" in shown


def test_fields_that_a_later_version_adds_are_ignored() -> None:
    answer = b'{"holder":"none","dial_in":0,"later":{"x":[1]}}'
    assert msgspec.json.decode(answer, type=messages.ClaimAnswer).holder == "none"
