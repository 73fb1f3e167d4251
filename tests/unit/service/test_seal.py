"""A file tells by itself whether somebody changed it."""

import pytest

from ground2cloud.service.seal import MARK, is_sealed, seal

TEMPLATE = f"#!/bin/sh\n# Written by us, seal {MARK}.\nexec true\n"


def test_what_was_sealed_is_sealed() -> None:
    text = seal(TEMPLATE)
    assert MARK not in text
    assert is_sealed(text)


@pytest.mark.parametrize(
    ("before", "after"), [("true", "false"), ("\n", "\r\n"), ("seal ", "seal  "), ("us", "me")]
)
def test_every_change_breaks_it(before: str, after: str) -> None:
    changed = seal(TEMPLATE).replace(before, after, 1)
    assert changed != seal(TEMPLATE)
    assert not is_sealed(changed)


def test_a_foreign_file_has_none() -> None:
    assert not is_sealed("")
    assert not is_sealed("# seal 0123456789abcdef\n")
