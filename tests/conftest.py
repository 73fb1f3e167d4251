"""Fixtures of the lab: real servers and applications, made anew for every test that asks."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.lab.httpapp import HttpApp
from tests.lab.places import short_directory

# How long an example takes says more about the machine's load than about the code.
settings.register_profile("ground2cloud", deadline=None)
settings.load_profile("ground2cloud")

# A shell starts what it puts into the background with Ctrl-C ignored, and every process below
# inherits that: no test of Ctrl-C could pass there.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A private directory whose path is short enough for Unix sockets; pytest's are not."""
    with short_directory() as directory:
        yield directory


@pytest.fixture
def http_app() -> Iterator[HttpApp]:
    """A running HTTP application called `app`."""
    with HttpApp() as app:
        yield app
