"""HAProxy under the supervisor: a reload that follows on another's heels is not lost."""

import contextlib
from pathlib import Path

from ground2cloud.core.spec import ChildSpec, Prepared
from ground2cloud.core.supervise import Supervisor
from ground2cloud.haproxy.child import RELOAD_SIGNAL, argv, check_argv, refused
from ground2cloud.haproxy.observer import Observer
from tests.lab.httpapp import HttpApp
from tests.lab.router import Router, backend
from tests.lab.waiting import eventually


async def test_a_reload_on_the_heels_of_another_is_not_lost(short_dir: Path) -> None:
    """The master hears no signal for a moment after each `Loading success.`."""
    router = Router(short_dir, [])
    said: list[bool] = []

    async def prepare() -> Prepared:
        router.write()
        return Prepared(
            argv(router.program, router.settings, short_dir),
            check_argv(router.program, short_dir),
            changed=True,
        )

    spec = ChildSpec(
        name="router",
        prepare=prepare,
        observe=lambda: Observer(said.append),
        refused=refused,
        reload_signal=RELOAD_SIGNAL,
        reloads=lambda: len(said),
    )
    supervisor = Supervisor(lambda _transition: None, lambda _name, _line: None)
    with contextlib.ExitStack() as stack:
        apps = [stack.enter_context(HttpApp(str(number))) for number in range(4)]
        supervisor.start(spec)
        try:
            await eventually(lambda: supervisor.is_ready("router"), what="the router's start")
            for number, app in enumerate(apps):
                router.backends.append(backend(app.port, f"new{number}"))
                assert await supervisor.reload("router") is None
            # The worker before still takes a connection or two.
            await eventually(lambda: router.get("new3-1001").status == 200, what="the last route")
        finally:
            await supervisor.close()
    assert set(said) == {True}
    assert len(said) >= len(apps)
