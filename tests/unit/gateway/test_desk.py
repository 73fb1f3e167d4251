"""What the desk makes of what an agent says."""

import pytest

from ground2cloud.registry.checks import NAME, check_name
from ground2cloud.roles.gateway.desk import shown_name


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("DESKTOP-7", "DESKTOP-7"),
        ("  Büro 3 ", "Büro 3"),
        ("", "agent"),
        (" \u3000 ", "agent"),
        ("a\u202eb", r"a\u202eb"),
        ("x" * 200, "x" * NAME),
        ("\ue000" * 200, r"\ue000" * 10 + r"\ue0"),
        ("y" * 63 + " z", "y" * 63),
    ],
)
def test_any_name_of_an_agent_becomes_one_that_the_registry_takes(said: str, shown: str) -> None:
    assert shown_name(said) == shown == check_name(shown)
