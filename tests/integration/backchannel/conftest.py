"""Two gateways' certificates: those of the real one, and those that somebody made up."""

from pathlib import Path

import pytest

from ground2cloud.backchannel.tls import Certificates
from ground2cloud.core import clock
from tests.lab.liar import NAMES


@pytest.fixture
def real(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "real", NAMES, clock.wall())


@pytest.fixture
def forged(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "forged", NAMES, clock.wall())
