"""The one way to log: fields for programs beside a line for people."""

import json
import logging
from collections.abc import Iterator

import pytest

from ground2cloud.logs.fields import FIELDS, log
from ground2cloud.logs.format import JsonFormatter
from tests.lab.log_records import raised

LOGGER = logging.getLogger("ground2cloud.test_fields")


class Kept(logging.Handler):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Iterator[list[logging.LogRecord]]:
    """The records of LOGGER, from INFO on."""
    handler = Kept()
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    yield handler.records
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(logging.NOTSET)


def test_the_helper_and_extra_mean_the_same(kept: list[logging.LogRecord]) -> None:
    log(LOGGER, logging.INFO, "lane-ready", "100 % ready", lane="lane1", pid=1, attempt=2)
    LOGGER.info(
        "100 % ready", extra={"event": "lane-ready", "lane": "lane1", "pid": 1, "attempt": 2}
    )
    first, second = (json.loads(JsonFormatter().format(record)) for record in kept)
    assert first["ts"]
    assert {**first, "ts": ""} == {**second, "ts": ""}


def test_every_field_can_be_given(kept: list[logging.LogRecord]) -> None:
    log(
        LOGGER,
        logging.ERROR,
        "lane-ended",
        "lane 1 ended",
        service="quickbooks",
        lane="lane1",
        pid=7,
        attempt=1,
        exit_code=0,
        said="Connection reset",
    )
    assert {name: getattr(kept[0], name) for name in FIELDS} == {
        "event": "lane-ended",
        "service": "quickbooks",
        "lane": "lane1",
        "pid": 7,
        "attempt": 1,
        "exit_code": 0,
        "said": "Connection reset",
    }


def test_a_record_knows_who_logged_it_and_the_defect(kept: list[logging.LogRecord]) -> None:
    error = raised(ValueError("x"))
    log(LOGGER, logging.ERROR, "defect", "lane 1: defect", exc_info=error)
    assert kept[0].pathname == __file__
    assert kept[0].exc_info is not None
    assert kept[0].exc_info[1] is error


def test_less_than_the_level_is_not_made(kept: list[logging.LogRecord]) -> None:
    log(LOGGER, logging.DEBUG, "ssh-said", "ssh says", said="debug1: x")
    assert kept == []
