"""The program takes its own process over, or says that it can't."""

import sys
from pathlib import Path

import pytest

from ground2cloud.errors import Ground2CloudError
from ground2cloud.roles.gateway import system


def test_a_program_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "ground2cloud"
    program.write_text("#!/nowhere/python\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(program), "gateway", "run"])
    with pytest.raises(Ground2CloudError, match="can't be run anew") as caught:
        system.begin_anew(["gateway", "run"])
    assert str(program) in caught.value.message
    assert "lanes are left" in caught.value.hint
