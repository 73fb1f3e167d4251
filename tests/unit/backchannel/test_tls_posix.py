"""Nobody else may read the private keys."""

import stat
from pathlib import Path

import pytest

from ground2cloud.backchannel.tls import AUTHORITY_FILE, CERTIFICATE_FILE, Certificates

NOW = 1_795_000_000.0


@pytest.mark.parametrize("name", [AUTHORITY_FILE, CERTIFICATE_FILE])
def test_private_keys_are_for_the_gateways_user_alone(tmp_path: Path, name: str) -> None:
    Certificates(tmp_path / "state", ("127.0.0.1",), NOW)
    assert stat.S_IMODE((tmp_path / "state" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
