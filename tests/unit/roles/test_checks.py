"""The checks of applications go on, whatever happens."""

import pytest

from ground2cloud.applications.probe import Answer
from ground2cloud.config.model import Kind, Service
from ground2cloud.roles import checks as module
from ground2cloud.roles.checks import Checks
from tests.lab.waiting import eventually

APP = Service(name="app", kind=Kind.TCP, port=80)


async def test_a_defect_does_not_end_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    defects = [1]

    async def probe(*_: object, **_named: object) -> Answer:
        if defects:
            defects.pop()
            raise RuntimeError("can't start new thread")
        return Answer(ok=True, detail="answers", took=0.0)

    monkeypatch.setattr(module, "probe", probe)
    checks = Checks()
    checks.set((APP,))
    checks.poke(APP.port)
    try:
        found = checks.get("app")
        assert found is not None
        await eventually(lambda: found.answer, what="an answer in the end")
    finally:
        checks.close()
