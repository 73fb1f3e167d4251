"""An agent's machine that nothing reaches any more, in a network namespace of its own."""

import sys

import pytest

from tests.lab import cut_off

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")


def test_a_lane_whose_machine_is_cut_off_gives_way_to_a_claim() -> None:
    """The gateway's session of it is alive and silent: nothing has told it of the end."""
    assert len(cut_off.measured(2)) == 2
