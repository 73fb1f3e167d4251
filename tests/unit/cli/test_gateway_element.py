"""Which element a command means."""

from ground2cloud.cli.gateway.element import find
from ground2cloud.registry.records import Element, Grant


def test_an_id_means_the_element_with_this_id_whatever_the_others_are_called() -> None:
    one, other = (
        Element(number, name, f"{number:064X}", (Grant(1001),), 1.0)
        for number, name in ((1, "2"), (2, "shop"))
    )
    assert find("2", (one, other)) is other
    assert find("shop", (one, other)) is other
    assert find("1", (one, other)) is one
    assert find("3", (one, other)) is None
