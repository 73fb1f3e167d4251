"""Which element a command means, and how elements are listed."""

from ground2cloud.cli.gateway.element import element_lines, find
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


def test_limits_are_listed_where_there_are_any() -> None:
    free = Element(1, "free", "A" * 64, (Grant(1001, "web"), Grant(1002)), 1.0)
    limited = Element(
        2, "limited", "B" * 64, (Grant(1001),), 1.0, 99.0, ("10.0.0.0/8",), connections=20, rate=50
    )
    lines = [line.split() for line in element_lines((free, limited), 100.0)]
    assert lines[0] == ["ELEMENT", "NAME", "STATE", "OPENS", "FROM", "LIMITS", "EXPIRES"]
    assert lines[1] == ["1", "free", "good", "1001/web,", "1002", "any", "none", "never"]
    expected = ["2", "limited", "expired", "1001", "10.0.0.0/8", "20", "connections,", "50/s"]
    assert lines[2][:-1] == expected
