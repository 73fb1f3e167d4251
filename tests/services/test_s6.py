"""s6: a real s6-svscan as process 1."""

import pytest

from tests.services.contract import Contract
from tests.services.lab.inits import S6


@pytest.mark.lane("s6")
class TestS6(Contract):
    """Every test of the contract."""

    init = S6
