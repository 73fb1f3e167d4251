"""The Job Object in which children end with the supervisor."""

import subprocess
import sys

import pytest

if sys.platform == "win32":
    from ground2cloud.core.spawn import _win32
else:
    pytest.skip("the Job Object is Windows' own", allow_module_level=True)


def test_a_process_that_has_ended_already_needs_no_job() -> None:
    """A short command may be over before it could join; Windows refuses it then."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    _win32._join_job(ended.pid)


def test_a_process_that_lives_joins() -> None:
    living = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        _win32._join_job(living.pid)
        assert _win32._kernel32.WaitForSingleObject(int(living._handle), 0) != 0
    finally:
        living.communicate(b"\n")
