"""What went over a route is all that has been told of it, whatever HAProxy has forgotten since."""

from collections.abc import Mapping

from ground2cloud.haproxy.reading import Usage
from ground2cloud.haproxy.tally import Tally, look

ROUTES = {"1001/web": Usage(5, 1, 50, 500)}
HERE = {"1001/web@7@::1": Usage(2, 1, 20, 200), "1001/db@7@::1": Usage(1, 0, 10, 100)}
THERE = {"1001/web@7@::2": Usage(1, 0, 1, 1)}


def table(usages: dict[str, Usage]) -> str:
    return "".join(
        f"0x5: key={key} use=0 exp=9 conn_cnt={used.requests} conn_cur={used.open}"
        f" bytes_in_cnt={used.bytes_in} bytes_out_cnt={used.bytes_out}\n"
        for key, used in usages.items()
    )


def looks(*limited: dict[str, Usage]) -> list[Mapping[str, Usage]]:
    """Look again and again at one worker."""
    tally, told = Tally(), []
    for each in limited:
        tally, used = look(tally, 9, table(ROUTES), table(each))
        told.append(used)
    return told


def test_of_a_route_all_elements_are_counted_with_limits_and_without() -> None:
    assert looks({**HERE, **THERE}) == [
        {"1001/web": Usage(8, 2, 71, 701), "1001/db": Usage(1, 0, 10, 100)}
    ]


def test_an_address_that_is_forgotten_was_there() -> None:
    """Once, and its connections have ended."""
    first, second, third = looks({**HERE, **THERE}, THERE, THERE)
    assert first["1001/web"].open == 2
    assert second == {"1001/web": Usage(8, 1, 71, 701), "1001/db": Usage(1, 0, 10, 100)}
    assert third == second


def test_an_address_that_comes_back_is_counted_on() -> None:
    """Whether somebody has looked while it was away, or not."""
    back = {"1001/web@7@::1": Usage(1, 1, 2, 3)}
    for told in looks(HERE, {}, back), looks(HERE, back):
        assert told[-1]["1001/web"] == Usage(8, 2, 72, 703)


def test_another_worker_counts_from_the_beginning() -> None:
    tally, _ = look(Tally(), 9, table(ROUTES), table(HERE))
    for worker in 10, 11:
        tally, used = look(tally, worker, table(ROUTES), table(THERE))
        assert used == {"1001/web": Usage(6, 1, 51, 501)}
