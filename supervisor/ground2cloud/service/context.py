"""What every service manager needs to know of the service that is to be installed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ground2cloud.config.directories import APPLICATION, Directories
from ground2cloud.rendering.templates import render
from ground2cloud.service.plan import File
from ground2cloud.service.seal import MARK, seal


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One service of this machine; all paths absolute.

    `program` is the beginning of the command (`/opt/ground2cloud/bin/ground2cloud`, or a Python and
    `-m ground2cloud`). `instance` is empty for the first agent of a machine. `user` is the account
    it runs as, `group` the group that may read its configuration. `keys` are the private keys that
    its configuration names, as far as they are in the configuration's directory; `readable` is what
    else is read there. `inherited` is what whoever registered the agent has left in its state
    directory, each with its permissions. `gateway` says that it is no agent.
    """

    program: tuple[str, ...]
    config: Path
    directories: Directories
    user: str = APPLICATION
    instance: str = ""
    keys: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    inherited: Mapping[Path, int] = field(default_factory=dict)
    gateway: bool = False
    group: str = ""

    @property
    def name(self) -> str:
        """`ground2cloud`, or `ground2cloud-INSTANCE`."""
        part = "gateway" if self.gateway else self.instance
        return f"{APPLICATION}-{part}" if part else APPLICATION

    def command(self, name: str) -> tuple[str, ...]:
        """Answer with the command line of `ground2cloud [gateway] NAME` on this configuration."""
        words = ("gateway", name) if self.gateway else (name,)
        return (*self.program, *words, "--config", str(self.config))

    def file(
        self,
        path: Path,
        template: str,
        *,
        mode: int = 0o644,
        filters: Mapping[str, Callable[..., object]] | None = None,
        **values: object,
    ) -> File:
        """Render a template of `service_wrappers/` into a file for `path`.

        The template may use every field of the context, the places in it (`state`, `run`, `logs`,
        `configuration`), `name`, the command lines `run_command`, `reload_command` and
        `check_command`, and `values`. It must print `{{ seal }}` once, in a comment (see `seal`).

        Args:
            path: where the file goes.
            template: its path inside `service_wrappers/`.
            mode: the file's permissions.
            filters: how the manager's format quotes.
            values: what else the template may use.
        """
        mine: dict[str, object] = {
            "program": self.program,
            "config": self.config,
            "user": self.user,
            "group": self.group or self.user,
            "instance": self.instance,
            "name": self.name,
            "run_command": self.command("run"),
            "reload_command": self.command("reload"),
            "check_command": self.command("check"),
            "seal": MARK,
            **self.directories._asdict(),
        }
        return File(path, seal(render(template, filters=filters, **(mine | values))), mode)
