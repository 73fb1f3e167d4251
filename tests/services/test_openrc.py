"""OpenRC: a real openrc-init as process 1, and its supervise-daemon."""

import pytest

from tests.services.contract import Contract
from tests.services.lab.inits import OPENRC


@pytest.mark.lane("openrc")
class TestOpenRc(Contract):
    """Every test of the contract."""

    init = OPENRC
    looks_first = True
