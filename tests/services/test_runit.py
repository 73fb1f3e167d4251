"""runit: a real runsvdir as process 1."""

import pytest

from tests.services.contract import Contract
from tests.services.lab.inits import RUNIT


@pytest.mark.lane("runit")
class TestRunit(Contract):
    """Every test of the contract."""

    init = RUNIT
